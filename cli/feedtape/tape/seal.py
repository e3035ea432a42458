"""The seal of a tape: a small JSON file beside it that names the tape by its chain and its blocks, and is signed.

`docs/seal.md` is the specification. Only `read_seal` and `seal_of` touch files; nothing here knows a private key.
"""

import base64
import hashlib
import struct
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import orjson

from feedtape.errors import TapeError
from feedtape.tape.marks import Mark
from feedtape.tape.reader import TapeReader

VERSION: Final = 1
SUFFIX: Final = ".seal"
MAX_SEAL: Final = 16 * 1024 * 1024
"""Most bytes of a seal: enough for 200,000 blocks. What is larger is refused, unread."""
_KEY_SIZE: Final = 32
_SSH_TYPE: Final = b"ssh-ed25519"

_Hash = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
_Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Block = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32} [0-9]{19} [0-9]{19}\Z")]
_Time = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{19}\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Text = Annotated[str, msgspec.Meta(max_length=4096)]


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole pass found on a tape, as a seal states it.

    Attributes:
        session, segment: what the header says; a tape that is no segment has none.
        state: `complete`, `cut` (no end record) or `damaged` (holes).
        head: of the chain, over all whole blocks; it names their exact bytes.
        blocks: of each block the digest of its records and the times of its first and last line.
        records, frames: how many there are, or would be without its holes.
        statistics: digest of what the index states; None where there is no index.
    """

    format: _Count
    session: _Text | None
    segment: _Count | None
    state: _Text
    head: _Hash
    blocks: list[_Block]
    records: _Count
    frames: _Count
    first: _Time
    last: _Time
    statistics: _Digest | None

    def marks(self) -> list[Mark]:
        """Return the blocks as they can be compared."""
        return [Mark(digest, int(first), int(last)) for digest, first, last in map(str.split, self.blocks)]


class Seal(Contents, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A seal, unverified: what it says is only as good as its signature, and the signature as the key's owner.

    Attributes:
        tape: name of the file that was sealed, which may have another name by now.
        sealed: when that was, by the clock of whoever did it; RFC 3339.
        public_key: the signer's, 32 bytes in base64.
        signature: 64 bytes in base64, over `signed_bytes`.
    """

    seal: _Count
    tape: _Text
    sealed: Annotated[str, msgspec.Meta(max_length=40)]
    public_key: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")]
    signature: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9+/]{86}==)?\Z")]

    @property
    def fingerprint(self) -> str:
        """Name of the signer's key, as `ssh-keygen -l` prints it."""
        return fingerprint(base64.b64decode(self.public_key))

    def signed_bytes(self) -> bytes:
        """Return what is signed: all fields but the signature, as JSON with sorted keys and no spaces, in UTF-8."""
        fields = msgspec.structs.asdict(self)
        del fields["signature"]
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)

    def origin(self) -> dict[str, Any]:
        """Return what a tape that is made from this one says of it: name, head, key and time, all unverified."""
        return {"tape": self.tape, "head": self.head, "key": self.fingerprint, "sealed": self.sealed}


def contents_of(reader: TapeReader, header: dict[str, Any]) -> Contents:
    """Return what the latest pass over a tape found; it has to have been a whole one, chained and marked."""
    passage, session, segment = reader.passage, header.get("session"), header.get("segment")
    # A set notes on a segment that the next one is missing; this file is none the worse for it.
    holes = [hole for hole in passage.holes if hole.offset]
    records, frames = passage.counted
    marks = passage.marks
    return Contents(
        format=reader.version,
        session=None if session is None else str(session)[:4096],
        segment=segment if type(segment) is int and 0 <= segment <= 2**53 else None,
        state="damaged" if holes else "complete" if passage.complete and passage.damage is None else "cut",
        head=passage.head or "",
        blocks=[f"{mark.digest} {mark.first:019d} {mark.last:019d}" for mark in marks],
        records=records,
        frames=frames,
        first=f"{marks[0].first if marks else 0:019d}",
        last=f"{max((mark.last for mark in marks), default=0):019d}",
        statistics=_digest(reader.index.statistics) if reader.has_index else None,
    )


def _digest(statistics: dict[str, Any]) -> str:
    return hashlib.blake2b(orjson.dumps(statistics, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def unsigned(contents: Contents, *, tape: str, sealed: str, public_key: bytes) -> Seal:
    """Return a seal that owes its signature.

    Args:
        sealed: the present time, RFC 3339.
    """
    fields = msgspec.structs.asdict(contents)
    return Seal(**fields, seal=VERSION, tape=tape, sealed=sealed, public_key=base64.b64encode(public_key).decode(), signature="")


def signed(seal: Seal, signature: bytes) -> Seal:
    """Return a seal with its signature."""
    return msgspec.structs.replace(seal, signature=base64.b64encode(signature).decode())


def encode_seal(seal: Seal) -> bytes:
    """Return the file of a seal: one field a line, so that a person can read it.

    Raises:
        TapeError: when the tape has more blocks than a seal may hold.
    """
    data = orjson.dumps(
        msgspec.structs.asdict(seal), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS
    )
    if len(data) > MAX_SEAL:
        raise TapeError(f"a seal of {seal.tape} would be larger than {MAX_SEAL} bytes", hint="record in segments: --rotate")
    return data


class _Version(msgspec.Struct):
    seal: int


def decode_seal(data: bytes, where: str) -> Seal:
    """Return the seal that a file holds, its signature unverified.

    Raises:
        TapeError: when it is none, or one of a newer version.
    """
    if len(data) > MAX_SEAL:
        raise TapeError(f"{where} is larger than any seal")
    try:
        version = msgspec.json.decode(data, type=_Version).seal
        if version != VERSION:
            raise TapeError(f"{where} is a seal of version {version}; this feedtape reads {VERSION}")
        seal = msgspec.json.decode(data, type=Seal)
        seal.signed_bytes()
    except (msgspec.MsgspecError, orjson.JSONEncodeError, UnicodeDecodeError, RecursionError) as error:
        raise TapeError(f"{where} is not a seal: {error}", hint="feedtape seal TAPE --key FILE makes one") from error
    return seal


def seal_path(tape: Path) -> Path:
    """Return where the seal of a tape stands."""
    return tape.with_name(tape.name + SUFFIX)


def read_seal(path: Path) -> Seal:
    """Read a seal, unverified.

    Raises:
        TapeError: when it cannot be read or is none.
    """
    try:
        if not path.is_file():
            raise TapeError(f"{path} is not a file" if path.exists() else f"there is no seal {path}")
        with path.open("rb") as file:
            return decode_seal(file.read(MAX_SEAL + 1), str(path))
    except OSError as error:
        if isinstance(error, TapeError):
            raise
        raise TapeError(f"{path} cannot be read: {error.strerror}") from error


def seal_of(tape: Path) -> Seal | None:
    """Return the seal beside a tape, unverified; None when there is none.

    Raises:
        TapeError: when there is one that cannot be read.
    """
    path = seal_path(tape)
    return read_seal(path) if path.exists() else None


def fingerprint(public_key: bytes) -> str:
    """Return the name of a key: SHA-256 over its OpenSSH form, as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(ssh_blob(public_key)).digest()).decode().rstrip("=")


def ssh_blob(public_key: bytes) -> bytes:
    """Return a public key as OpenSSH has it."""
    return b"".join(struct.pack(">I", len(part)) + part for part in (_SSH_TYPE, public_key))
