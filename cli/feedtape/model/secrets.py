"""What must not reach a tape, a log or a screen: keys, signatures and whatever else authenticates somebody."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "***"

_KEY = re.compile(
    r"x?(access(key|token)|api(key|sign)?|auth(orization)?|key|listenkey|passphrase|password|secret|sign(ature)?|token|jwt)"
)
_HEADER = re.compile(r"(proxy-)?auth(orization|entication-info|enticate)|www-authenticate|(set-)?cookie2?")
_FIELD = re.compile(
    rb'"(?:(?:api|access|listen)[-_]?key|api[-_]?sign|sign|signature|secret|passphrase|password|token|jwt|authorization)"\s*:',
    re.IGNORECASE,
)
_LOGIN = re.compile(
    rb'"(?:op|event|method|type|action|channel|request)"\s*:\s*"(?:[a-z_./]*[_./])?(?:login|logon|auth[a-z]*)"',
    re.IGNORECASE,
)


def redact_url(url: str) -> str:
    """Return a URL with its user part and the values of secret query keys replaced by `***`; the rest is unchanged."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{HIDDEN}@{host}" if at and user else parts.netloc
    query = "&".join(_redact_pair(pair) for pair in parts.query.split("&"))
    return url if (netloc, query) == (parts.netloc, parts.query) else urlunsplit(parts._replace(netloc=netloc, query=query))


def _redact_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    word = key.lower().replace("-", "").replace("_", "")
    return f"{key}={HIDDEN}" if equals and _KEY.fullmatch(word) else pair


def safe_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name, repeated ones joined, without those that carry credentials or cookies."""
    kept: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        if _HEADER.fullmatch(name) is None:
            kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def authenticates(sent: bytes) -> bool:
    """Tell whether a message that we sent authenticates somebody, so that a tape must not hold it."""
    return _FIELD.search(sent) is not None or _LOGIN.search(sent) is not None
