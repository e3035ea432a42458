"""Credentials never get as far as a tape."""

import pytest

from feedtape.model.secrets import HIDDEN, Hidden, authenticates, redact, redact_url, safe_headers


@pytest.mark.parametrize(
    "sent",
    [
        b'{"op":"login","args":[{"apiKey":"k","passphrase":"p","sign":"s"}]}',
        b'{"op": "auth", "args": ["k", 1, "s"]}',
        b'{"method":"public/auth","params":{}}',
        b'{"type":"subscribe","jwt":"ey"}',
        b'{"event":"subscribe","api-key":"k"}',
        b'{"method":"session.logon","id":1}',
    ],
)
def test_what_authenticates_authenticates(sent: bytes) -> None:
    assert authenticates(sent)


@pytest.mark.parametrize(
    "sent",
    [
        b'{"op":"subscribe","args":["orderBookL2:XBTUSD"]}',
        b'{"event":"conf","flags":65536}',
        b'{"jsonrpc":"2.0","id":0,"method":"public/subscribe","params":{"channels":["book.BTC-PERPETUAL.100ms"]}}',
        b'[{"ticket":"bd10766d"},{"type":"trade","codes":["KRW-BTC"]}]',
    ],
)
def test_what_subscribes_is_not(sent: bytes) -> None:
    assert not authenticates(sent)


def test_urls_lose_their_secrets_and_nothing_else() -> None:
    plain = "wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms/!ticker@arr&x=%20"
    assert redact_url(plain) == plain
    assert redact_url("wss://push.kucoin.com/endpoint?token=abc&x=%20") == ("wss://push.kucoin.com/endpoint?token=***&x=%20")
    assert redact_url("https://me:pw@host/a?signature=1&symbol=BTC") == "https://***@host/a?signature=***&symbol=BTC"


def test_headers_lose_cookies_and_credentials() -> None:
    headers = {"X-MBX-USED-WEIGHT-1M": "20", "Set-Cookie": "id=1", "Authorization": "x"}
    assert safe_headers(headers.items()) == {"x-mbx-used-weight-1m": "20"}


@pytest.mark.parametrize(
    "url",
    [
        "wss://h/ws/pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1",
        "wss://h/stream?streams=pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1",
        "wss://h/x?%74oken=pqia91ma19",
        "wss://h/x#access_token=pqia91ma19",
        "wss://h/x?X-Amz-Signature=pqia91ma19",
        "wss://pqia91ma19@h/x",
        "wss://[pqia91ma19/x",
    ],
)
def test_secrets_hide_in_many_places_of_a_url(url: str) -> None:
    assert "pqia91ma19" not in redact_url(url) and HIDDEN in redact_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://clob.example/book?token_id=71321045679252212594626385532706912750332728571942532289631379312455583992563",
        "wss://h/ws/0x5bbfb1bd1d2a0f1a1e9a7f9f1cf0a11ad5d4a5cd/x",
        "https://h/list?key=",
        "wss://h/" + "/".join(["btcusdt@depth@100ms"] * 40),
    ],
)
def test_what_is_asked_for_stays_in_a_url(url: str) -> None:
    assert redact_url(url) == url


@pytest.mark.parametrize(
    "name", ["X-MBX-APIKEY", "OK-ACCESS-SIGN", "CB-ACCESS-KEY", "KC-API-PASSPHRASE", "X-Auth-Token", "Proxy-Authenticate"]
)
def test_headers_of_venues_that_carry_credentials_are_left_out(name: str) -> None:
    assert safe_headers([(name, "x"), ("Via", "proxy")]) == {"via": "proxy"}


def test_texts_lose_what_looks_like_a_credential() -> None:
    text = "GET wss://me:pw@h/x?token=abc&y=1 failed; Authorization: Bearer abcdef123; {\"secret\": \"abc\", 'sign':'q'}"
    assert redact(text) == (
        "GET wss://***@h/x?token=***&y=1 failed; Authorization: Bearer ***; {\"secret\": \"***\", 'sign':'***'}"
    )
    plain = "Invalid symbol: BTC-PERP at https://docs.example/api?page=2 (key not found, sign up)"
    assert redact(plain) == plain


def test_an_addresses_credentials_are_found_in_every_spelling() -> None:
    hidden = Hidden("wss://us%21er:p%40ssw0rd@h/x?signature=a%2Fb%2Bc&id=7")
    said = hidden.out_of("us!er p@ssw0rd p%40ssw0rd a/b+c a%2Fb%2Bc dXMhZXI6cEBzc3cwcmQ= 7")
    assert said == "*** *** *** *** *** *** 7"
    assert hidden.out_of_values({"a": ["p@ssw0rd", 1], "b": {"c": "x"}}) == {"a": ["***", 1], "b": {"c": "x"}}


def test_hostile_texts_take_no_time_that_one_would_notice() -> None:
    # Of a pattern that backtracks these would take hours; the suite's own limit is what fails then.
    for piece in ("://", "?a=", '"a":"', "a", "1a", "-", "bearer ", "=", "a:'"):
        redact(piece * 30_000)
        redact_url("wss://h/" + piece * 30_000)
        authenticates(piece.encode() * 30_000)
    assert not authenticates(b"[" * 1000 + b"]" * 1000)
