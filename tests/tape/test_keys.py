"""Keys: every form that is taken, every file that is not, and that no private byte gets anywhere."""

from __future__ import annotations

import base64
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from feedtape.errors import FeedtapeError
from feedtape.tape.keys import make_key, public_bytes, read_private_key, trusted_key
from feedtape.tape.seal import fingerprint

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
RSA = rsa.generate_private_key(65537, 2048)
PASSWORD = "correct horse"
LOCK = BestAvailableEncryption(PASSWORD.encode())
NO_LOCK = NoEncryption()


def nobody(prompt: str) -> str:
    raise AssertionError(f"nobody should be asked: {prompt}")


def test_private_keys_are_read_in_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for form in (PrivateFormat.PKCS8, PrivateFormat.OpenSSH):
        path.write_bytes(KEY.private_bytes(Encoding.PEM, form, NO_LOCK))
        assert public_bytes(read_private_key(path, nobody)) == PUBLIC
        path.write_bytes(KEY.private_bytes(Encoding.PEM, form, LOCK))
        asked: list[str] = []

        def answer(prompt: str, asked: list[str] = asked) -> str:
            asked.append(prompt)
            return PASSWORD

        assert public_bytes(read_private_key(path, answer)) == PUBLIC
        assert len(asked) == 1 and str(path) in asked[0]
        with pytest.raises(FeedtapeError, match="no key that can be read with that password"):
            read_private_key(path, lambda prompt: "wrong")


PRIVATE_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NO_LOCK)
CURVE_PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NO_LOCK)
NO_PRIVATE_KEYS: list[tuple[bytes, str]] = [
    (b"", "is not a key"),
    (b"hello\n", "is not a key"),
    (b"\x00\xff" * 40, "is not a key"),
    (PRIVATE_PEM[:-40], "is damaged"),
    (PRIVATE_PEM.replace(b"MC4C", b"MC5C"), "is damaged"),
    (b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "is damaged"),
    (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "is damaged"),
    (b"A" * 65537, "is larger than any key"),
    (RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NO_LOCK), "of another kind"),
    (RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NO_LOCK), "of another kind"),
    (RSA.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NO_LOCK), "of another kind"),
    (CURVE_PEM, "of another kind"),
    (KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "holds a public key"),
    (KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), "holds a public key"),
]


@pytest.mark.parametrize(("data", "why"), NO_PRIVATE_KEYS)
def test_what_is_no_private_key_is_one_error(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(data)
    with pytest.raises(FeedtapeError, match=why) as failed:
        read_private_key(path, nobody)
    secret = base64.b64encode(bytes(range(32))).decode()[:20]
    assert "\n" not in str(failed.value) and secret not in str(failed.value)


def test_a_trusted_key_is_read_in_every_form(tmp_path: Path) -> None:
    path, name = tmp_path / "key", fingerprint(PUBLIC)
    public = KEY.public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    files = (
        PRIVATE_PEM,
        KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NO_LOCK),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        line + b" somebody@somewhere\n",
        base64.b64encode(PUBLIC) + b"\n",
        name.encode() + b"\n",
    )
    for data in files:
        path.write_bytes(data)
        assert trusted_key(str(path)) == name
    for text in (line.decode(), line.decode() + " a b", base64.b64encode(PUBLIC).decode(), name, f" {name}\n"):
        assert trusted_key(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nosuchfile",
        "x" * 9000,
        "a\0b",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAA",
        "SHA256:short",
        "MD5:" + "0" * 43,
        base64.b64encode(bytes(31)).decode(),
        RSA.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    ],
)
def test_what_is_no_public_key_is_one_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    for given in (text, str(path)):
        with pytest.raises(FeedtapeError) as failed:
            trusted_key(given)
        assert "\n" not in str(failed.value) and len(str(failed.value)) < 300


def test_a_new_key_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "new.key"
    name = make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert trusted_key(str(path)) == trusted_key(f"{path}.pub") == name
    before = path.read_bytes()
    with pytest.raises(FeedtapeError, match="already exists"):
        make_key(path)
    path.unlink()
    with pytest.raises(FeedtapeError, match=r"key.pub already exists"):
        make_key(path)
    assert not path.exists() and before
    with pytest.raises(FeedtapeError, match="cannot be written"):
        make_key(tmp_path / "no" / "folder")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_ssh_keygen_knows_the_new_key_by_the_same_name(tmp_path: Path) -> None:
    name = make_key(tmp_path / "new.key")
    ran = subprocess.run(["ssh-keygen", "-lf", tmp_path / "new.key.pub"], capture_output=True, check=True, timeout=20)
    assert name in ran.stdout.decode()
