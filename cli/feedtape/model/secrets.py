"""What must not reach a tape, a log or a screen: keys, signatures and whatever else authenticates somebody.

Three nets, since none of them is enough alone: names that say what they carry (`signature=`, `X-Api-Key:`, `"passphrase":`),
shapes that tell (`user:password@`, `Bearer …`, a long random word in a path), and the very credentials of an address,
wherever a venue may repeat them (`Hidden`). What a venue says in its own frames and bodies is kept as it came: a tape is
evidence, and private channels are out of its scope.
"""

import base64
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit, urlunsplit

import orjson

HIDDEN = "***"

WITHHELD = "a sent message that authenticates somebody"
"""What a tape says in place of such a message."""

_NAME = re.compile(
    r".*(?:secret|token|passphrase|password|passwd|signature|credentials?|authorization|bearer|jwt|cookie2?"
    r"|(?:access|api|auth|client|listen|private|secret|session|signing)key(?:id)?|accessid|sessionid"
    r"|(?:api|auth|access)sign?|(?:original|signed)challenge|signed(?:str|data|payload))"
    r"|x?(?:auth|authsig|authpayload|bearer|key|otp|pass|pwd|sig|sign)"
)
_CHALLENGE_HEADER = re.compile(r"(?:proxyauthenticat|wwwauthenticat|authenticationinfo|proxyauthenticationinfo).*")
_LOGIN = re.compile(r"(?:.*[^a-z])?(?:log[-_]?[io]n|sign[-_]?in|sign|auth[a-z]*)")
_SAYS_WHAT_IT_IS = frozenset({"op", "event", "method", "type", "action", "channel", "ch", "request", "req", "cmd", "e"})
_NAMES_STREAMS = frozenset({"stream", "streams"})
_SHORTEST_KEY = 12
"""Of a text under the bare name `key` or `auth`, which may also be some harmless word."""
_RAW = re.compile(
    rb'"[a-z_-]*(?:key|sign|signature|secret|passphrase|password|token|jwt|authorization)"\s*:'
    rb'|"(?:op|event|method|type|action|channel|request)"\s*:\s*"(?:[a-z_./]*[_./])?(?:login|logon|auth[a-z]*)"',
    re.IGNORECASE,
)

_USER = re.compile(r"(?<=://)[^\s/@\"'<>]+@")
_PAIR = re.compile(r"(?<=[?&;#])([^\s=&?#\"'<>]{1,60})=([^\s&#\"'<>]+)")
_FIELD = re.compile(r"""(["']?)([A-Za-z][A-Za-z0-9_-]{1,40})\1(\s*[:=]\s*)(["'])([^"']*)(?:\4|$)""")
_SCHEME = re.compile(r"\b(bearer|basic|digest)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_LONG_WORD = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9]{40,}|eyJ[A-Za-z0-9._-]{20,})")
"""A random word, such as a listen key or a JWT: no symbol and no stream is as long without a separator."""
_LONGEST_TEXT = 64 * 1024
_SHORTEST_SECRET = 4


def _names_a_secret(name: str) -> bool:
    word = re.sub(r"[^a-z0-9]", "", name.lower())
    return _NAME.fullmatch(word) is not None


def redact_url(url: str) -> str:
    """Return a URL with its user part, the values of secret query keys and long random words replaced by `***`.

    The rest is unchanged.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{HIDDEN}@{host}" if at and user else parts.netloc
    path = _LONG_WORD.sub(_without_random, parts.path)
    query, fragment = _redact_pairs(parts.query), _redact_pairs(parts.fragment)
    redacted = parts._replace(netloc=netloc, path=path, query=query, fragment=fragment)
    return url if redacted == parts else urlunsplit(redacted)


def _redact_pairs(query: str) -> str:
    return "&".join(_redact_pair(pair) for pair in query.split("&"))


def _redact_pair(pair: str) -> str:
    key, equals, value = pair.partition("=")
    if not equals:
        return _LONG_WORD.sub(_without_random, pair)
    if value and _names_a_secret(unquote(key)):
        return f"{key}={HIDDEN}"
    # Elsewhere a long word is what is asked for, and a replay must know it: Polymarket's ids have 77 digits.
    return f"{key}={_LONG_WORD.sub(_without_random, value)}" if key.lower() in _NAMES_STREAMS else pair


def _without_random(found: re.Match[str]) -> str:
    word = found[0]
    is_random = word[:2].lower() != "0x" and not word.isalpha() and not word.isdigit()
    return HIDDEN if is_random else word


def redact(text: str) -> str:
    """Return a text from anywhere with whatever looks like a credential in it replaced by `***`."""
    text = _USER.sub(f"{HIDDEN}@", text[:_LONGEST_TEXT])
    text = _PAIR.sub(lambda found: f"{found[1]}={HIDDEN}" if _names_a_secret(unquote(found[1])) else found[0], text)
    text = _FIELD.sub(lambda f: f"{f[1]}{f[2]}{f[1]}{f[3]}{f[4]}{HIDDEN}{f[4]}" if _names_a_secret(f[2]) else f[0], text)
    return _SCHEME.sub(lambda found: f"{found[1]} {HIDDEN}", text)


def safe_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name, repeated ones joined, without those that carry credentials or cookies."""
    kept: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        word = re.sub(r"[^a-z0-9]", "", name)
        if not _names_a_secret(name) and _CHALLENGE_HEADER.fullmatch(word) is None:
            value = redact(value)
            kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def authenticates(sent: bytes) -> bool:
    """Tell whether a message that we sent authenticates somebody, so that a tape must not hold it."""
    try:
        waiting: list[Any] = [orjson.loads(sent)]
    except ValueError:
        return _RAW.search(sent) is not None
    while waiting:
        value = waiting.pop()
        if type(value) is list:
            waiting.extend(value)
        elif type(value) is dict:
            if any(_tells(name.lower(), one) for name, one in value.items()):
                return True
            waiting.extend(value.values())
    return False


def _tells(name: str, value: object) -> bool:
    if type(value) is list and name in _SAYS_WHAT_IT_IS:
        return any(_tells(name, one) for one in value)
    if type(value) is str and name in _SAYS_WHAT_IT_IS and _LOGIN.fullmatch(value.lower()):
        return True
    if not value or not _names_a_secret(name):
        return False
    return name not in ("key", "auth") or type(value) is not str or len(value) >= _SHORTEST_KEY


class Hidden:
    """The credentials that an address carries, to be taken out of whatever is said about a connection to it.

    A venue may repeat what it was sent (`invalid token abc` as a close reason, a redirect, an error page); no name gives
    them away there.
    """

    def __init__(self, url: str) -> None:
        found: set[str] = set()
        try:
            parts = urlsplit(url)
            user, password = parts.username, parts.password
        except ValueError:
            parts, user, password = urlsplit(""), None, None
        if user is not None or password is not None:
            pair = f"{unquote(user or '')}:{unquote(password or '')}"
            found |= {base64.b64encode(pair.encode()).decode(), user or "", password or ""}
        for text in (parts.query, parts.fragment):
            for name, _, value in (one.partition("=") for one in text.split("&")):
                if _names_a_secret(unquote(name)):
                    found.add(value)
        found |= {word[0] for word in _LONG_WORD.finditer(parts.path) if _without_random(word) == HIDDEN}
        spellings = {spell(one) for one in found for spell in (str, unquote, unquote_plus, quote, quote_plus)}
        self._words = sorted((one for one in spellings if len(one) >= _SHORTEST_SECRET), key=lambda one: (-len(one), one))

    def out_of(self, text: str) -> str:
        """Return a text without them, and without what else looks like a credential."""
        for word in self._words:
            text = text.replace(word, HIDDEN)
        return redact(text)

    def out_of_values(self, value: Any) -> Any:
        """Return JSON values with every text in them treated so; the names stay."""
        if type(value) is str:
            return self.out_of(value)
        if type(value) is dict:
            return {name: self.out_of_values(one) for name, one in value.items()}
        if type(value) is list:
            return [self.out_of_values(one) for one in value]
        return value
