import pytest

from feedtape.errors import UsageError
from feedtape.feed.proxy import proxy_of

WS, REST = "wss://stream.venue.test/ws", "https://api.venue.test"


def named(url: str) -> str | None:
    proxy = proxy_of(url)
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    ("variables", "of_ws", "of_rest"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://a:3128"}, "http://a:3128", "http://a:3128"),
        ({"ALL_PROXY": "socks5://a:1080"}, "socks5://a:1080", "socks5://a:1080"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "http://low:1", "http://low:1"),
        ({"HTTPS_PROXY": "http://a:1", "ALL_PROXY": "socks5://b:1"}, "http://a:1", "http://a:1"),
        ({"WSS_PROXY": "http://w:1", "HTTPS_PROXY": "http://a:1"}, "http://w:1", "http://a:1"),
        ({"SOCKS_PROXY": "socks4://s:1", "HTTPS_PROXY": "http://a:1"}, "http://a:1", "http://a:1"),
        ({"HTTP_PROXY": "http://a:1"}, None, None),
        ({"HTTPS_PROXY": ""}, None, None),
        ({"HTTPS_PROXY": "a:3128"}, "http://a:3128", "http://a:3128"),
        ({"HTTPS_PROXY": "a"}, "http://a:80", "http://a:80"),
        ({"HTTPS_PROXY": "https://a/"}, "https://a:443", "https://a:443"),
        ({"ALL_PROXY": "SOCKS://a:9050/"}, "socks5h://a:9050", "socks5h://a:9050"),
        ({"SOCKS_PROXY": "a:1080"}, "socks5h://a:1080", "socks5h://a:1080"),
        ({"ALL_PROXY": "SOCKS4A://[2001:db8::1]"}, "socks4a://[2001:db8::1]:1080", "socks4a://[2001:db8::1]:1080"),
    ],
)
def test_the_environment_names_the_proxy(
    variables: dict[str, str], of_ws: str | None, of_rest: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (named(WS), named(REST)) == (of_ws, of_rest)


def test_an_address_without_tls_goes_by_the_proxy_for_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://b:1")
    monkeypatch.setenv("HTTP_PROXY", "http://a:1")
    assert (named("ws://venue.test:9001"), named("http://venue.test:9001")) == ("http://a:1", "http://a:1")


@pytest.mark.parametrize(
    ("no_proxy", "goes_directly"),
    [
        ("*", True),
        ("venue.test", True),
        (".venue.test", True),
        ("other.test, stream.venue.test", True),
        ("stream.venue.test:443", True),
        ("stream.venue.test:8443", False),
        ("ream.venue.test", False),
        ("other.test", False),
    ],
)
def test_no_proxy_has_the_rules_of_urllib(no_proxy: str, goes_directly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://a:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (named(WS) is None) == goes_directly


@pytest.mark.parametrize("host", ["127.0.0.1:9001", "127.8.8.8", "localhost:9001", "[::1]:9001"])
def test_this_machine_is_reached_directly(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks9://is not even looked at")
    assert named(f"ws://{host}") is None and named(f"http://{host}") is None


def test_a_name_that_looks_like_this_machine_is_not_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://a:1")
    assert named("ws://127.venue.test") == "http://a:1"


def test_credentials_are_read_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://us%40er:p%3Ass%2Fword@a:1")
    proxy = proxy_of(WS)
    assert proxy is not None and (proxy.user, proxy.password) == ("us@er", "p:ss/word")
    echoed = str(proxy.refusal("407 no us@er:p:ss/word here"))
    for text in (repr(proxy), str(proxy), proxy.url, echoed):
        assert "er:p" not in text and "word" not in text, text
    assert echoed.startswith("proxy a:1 refused: 407 no ")


@pytest.mark.parametrize("value", ["ftp://a:1", "http://", "http://a:port", "http://u:hidden#word@a:1", "http://a:1/path", "://"])
def test_what_is_no_proxy_is_refused_and_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(UsageError, match="names no proxy that can be used") as caught:
        proxy_of(WS)
    assert str(caught.value) == "HTTPS_PROXY names no proxy that can be used"
    assert "hidden" not in (caught.value.hint or "")
