"""Credentials never get as far as a tape."""

import pytest

from feedtape.model.secrets import authenticates, redact_url, safe_headers


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
