"""Ed25519 keys: read, made, used. The only place that touches `cryptography`, and that only when a key is at hand.

Private key material stays in the objects of that library: no message, log line or file of ours holds it, but the file that a new
key is made for.
"""

import base64
import binascii
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feedtape.errors import FeedtapeError, UsageError
from feedtape.tape.seal import Seal, fingerprint, ssh_blob

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MAX_KEY = 64 * 1024
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_NEW_KEY = "feedtape seal --new-key FILE makes an Ed25519 key"

Ask = Callable[[str], str]
"""Asks a person for a password, given what to say.

Raises:
    FeedtapeError: when nobody can be asked.
"""


def read_private_key(path: Path, ask: Ask) -> "Ed25519PrivateKey":
    """Read a private key, in PEM or in the form of OpenSSH.

    Args:
        ask: is called when the key is protected by a password.

    Raises:
        FeedtapeError: when it cannot be read, is of another kind, or the password is wrong.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    data = _read(path)
    if _public_bytes(data) is not None:
        raise FeedtapeError(f"{path} holds a public key; sealing takes the private one")
    if b" PRIVATE KEY-----" not in data:
        raise FeedtapeError(f"{path} is not a key", hint=_NEW_KEY)
    try:
        key = _load(data, None)
        if key is None:
            key = _load(data, ask(f"password of {path}: ").encode())
    except ValueError:
        # The library's own words may quote what it could not read.
        raise FeedtapeError(f"{path} holds no key that can be read with that password, or is damaged") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise FeedtapeError(f"{path} holds a key of another kind; a seal takes Ed25519", hint=_NEW_KEY)
    return key


def _load(data: bytes, password: bytes | None) -> Any:
    """Return the key in it; None when it wants a password and there is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        return load(data, password)
    except TypeError:
        if password is not None:
            raise ValueError from None
        return None
    except UnsupportedAlgorithm:
        raise ValueError from None


def trusted_key(text: str) -> str:
    """Return the fingerprint of the key that a person trusts.

    Args:
        text: a file with a public or private key, or, by itself, a fingerprint, an OpenSSH line or 32 bytes in base64.

    Raises:
        FeedtapeError: when it is none of these.
    """
    text = text.strip()
    if _FINGERPRINT.fullmatch(text):
        return text
    path = Path(text)
    try:
        is_there = bool(text) and path.exists()
    except (OSError, ValueError):
        is_there = False
    data = _read(path) if is_there else text.encode(errors="replace")
    public = _public_bytes(data)
    if public is None and is_there and b" PRIVATE KEY-----" in data:
        public = public_bytes(read_private_key(path, _nobody))
    if public is not None:
        return fingerprint(public)
    if is_there and _FINGERPRINT.fullmatch(found := data.decode(errors="replace").strip()):
        return found
    hint = "a file with a public key, an ssh-ed25519 line, or a fingerprint such as SHA256:..."
    # Somebody may have pasted a private key: what is no short word is not repeated.
    shown = repr(text) if (is_there and len(text) <= 200) or re.fullmatch(r"[\w./:~-]{0,40}", text) else "what --key gives"
    raise UsageError(f"{shown} is not an Ed25519 key" + ("" if is_there else " and no file"), hint=hint)


def _nobody(prompt: str) -> str:
    raise FeedtapeError("that private key has a password", hint="give its public half, FILE.pub")


def _public_bytes(data: bytes) -> bytes | None:
    """Return the 32 bytes of an Ed25519 public key in PEM, as an OpenSSH line or in base64; None when it is none of these."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    data = data.strip()
    try:
        if data.startswith(b"ssh-ed25519 "):
            key: Any = load_ssh_public_key(data)
        elif data.startswith(b"-----BEGIN PUBLIC KEY-----"):
            key = load_pem_public_key(data)
        else:
            raw = base64.b64decode(data, validate=True)
            return raw if len(raw) == 32 else None
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        return None
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_KEY + 1)
    except OSError as error:
        raise FeedtapeError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _MAX_KEY:
        raise FeedtapeError(f"{path} is larger than any key")
    return data


def public_bytes(key: "Ed25519PrivateKey") -> bytes:
    """Return the public half of a key, 32 bytes."""
    return key.public_key().public_bytes_raw()


def is_signed(seal: Seal) -> bool:
    """Tell whether the signature of a seal is that of the key that it names. Whose key that is, is another question."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(seal.public_key))
        key.verify(base64.b64decode(seal.signature), seal.signed_bytes())
    except (InvalidSignature, ValueError):
        return False
    return True


def make_key(path: Path) -> str:
    """Make a key pair, the private half in `path`, for its owner only, the public half in `path.pub`; return the fingerprint.

    Raises:
        FeedtapeError: when one of the files exists, which is never overwritten, or cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    public_path = path.with_name(path.name + ".pub")
    for existing in (path, public_path):
        if existing.exists():
            raise FeedtapeError(f"{existing} already exists: a key is never overwritten")
    key = Ed25519PrivateKey.generate()
    public = public_bytes(key)
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _write(public_path, b"ssh-ed25519 " + base64.b64encode(ssh_blob(public)) + b" feedtape\n", 0o644)
    return fingerprint(public)


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(data)
    except OSError as error:
        raise FeedtapeError(f"{path} cannot be written: {error.strerror}") from error
