"""Checkpoints: the size and root of the ledger at one time, signed so that others can keep and check them.

A checkpoint is a note (https://c2sp.org/signed-note) whose text is the head of a log (https://c2sp.org/tlog-checkpoint),
signed with Ed25519.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from state.errors import StateError

_ED25519 = b"\1"
_DASH = "\N{EM DASH} "
_PRIVATE = "PRIVATE+KEY+"
_EPOCH = "/epoch-"
_SUCCESSOR = "key "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_LATER = re.compile(rf"{_EPOCH}([2-9]|[1-9][0-9]{{1,8}})")
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_PROOF = "c2sp.org/tlog-proof@v1"
_MOST = 64
"""So many signatures are looked at; a note that carries more is refused."""
LONGEST = 16_000
"""So many bytes a note has at most."""
_CACHED, _SIGNATURE = 50_000, 64


class NoCheckpoint(StateError):
    """A text is no checkpoint, or nobody whose key is known signed it."""


class BadKey(StateError):
    """A text is no key."""


@dataclass(frozen=True, slots=True)
class Head:
    """How much of which ledger is meant: `size` records under one root (32 bytes). `origin` names the ledger.

    `successor` is the public key to which its signers hand over, in its written form, where they do.
    """

    origin: str
    size: int
    root: bytes
    successor: str = ""

    @property
    def over(self) -> str:
        """How much of the ledger it is, in words."""
        return f"{self.size:,} {'record' if self.size == 1 else 'records'}"

    @property
    def text(self) -> str:
        """What is signed."""
        more = f"{_SUCCESSOR}{self.successor}\n" if self.successor else ""
        return f"{self.origin}\n{self.size}\n{_coded(self.root)}\n{more}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """By which a signature is checked; `str` is the form in which keys are handed out, `NAME+ID+KEY`."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name their key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_coded(_ED25519 + self.raw)}"

    @staticmethod
    def read(text: str) -> "PublicKey":
        """A key from its written form, whatever stands behind a blank; raises `BadKey`."""
        name, raw = _key(text.strip().partition(" ")[0], "a public key", "NAME+ID+KEY")
        return PublicKey(name, raw)

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether this key made the signature of a text."""
        return is_signed(self.raw, text, signature)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """With which checkpoints are signed; never shown."""

    name: str
    _seed: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r})"

    @property
    def written(self) -> str:
        """The form in which it is kept, `PRIVATE+KEY+NAME+ID+KEY`: whoever has this can sign."""
        return f"{_PRIVATE}{self.name}+{self.public.id.hex()}+{_coded(_ED25519 + self._seed)}"

    @property
    def public(self) -> PublicKey:
        """What others check its signatures by."""
        return PublicKey(self.name, self._ed25519().public_key().public_bytes_raw())

    @staticmethod
    def made(name: str, seed: bytes) -> "SigningKey":
        """A key from 32 random bytes; raises `BadKey` for a name with a space or a plus."""
        if not _NAME.fullmatch(name) or _EPOCH in name or len(seed) != 32:
            raise BadKey(f"{name!r} cannot name a key: leave out spaces, plus signs and {_EPOCH}")
        return SigningKey(name, seed)

    @staticmethod
    def read(text: str) -> "SigningKey":
        """A key from its written form; raises `BadKey`, which does not repeat it."""
        bare = text.strip()
        if not bare.startswith(_PRIVATE):
            raise BadKey("this is no signing key: one begins with PRIVATE+KEY+; `counterfoil audit keygen` makes one")
        name, seed = _key(bare.removeprefix(_PRIVATE), "a signing key", "PRIVATE+KEY+NAME+ID+KEY", seed=True)
        return SigningKey(name, seed)

    def line(self, text: str) -> str:
        """The line that signs a text."""
        return f"{_DASH}{self.name} {_coded(self.public.id + self._ed25519().sign(text.encode()))}\n"

    def _ed25519(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._seed)


def is_of(name: str, origin: str) -> bool:
    """Whether a checkpoint of this origin is about the ledger of a key's name, or what it became once begun anew."""
    rest = origin.removeprefix(name)
    return origin.startswith(name) and (not rest or _LATER.fullmatch(rest) is not None)


def epoch(origin: str) -> int:
    """How often a ledger was begun, counted in its origin."""
    _, _, number = origin.rpartition(_EPOCH)
    return int(number) if number.isdecimal() and _EPOCH in origin else 1


def next_epoch(name: str, origin: str) -> str:
    """The origin of a ledger that is begun anew after it had this one."""
    return f"{name}{_EPOCH}{epoch(origin) + 1}"


def signed(head: Head, keys: Sequence[SigningKey]) -> str:
    """A checkpoint: the head with a signature of each key, as it is kept and handed out."""
    return f"{head.text}\n{''.join(key.line(head.text) for key in keys)}"


def read(note: str, known: Iterable[PublicKey]) -> tuple[Head, tuple[PublicKey, ...]]:
    """The head that a checkpoint states, and which of the known keys signed it.

    Signatures by other keys are passed over. Raises `NoCheckpoint` if the note has another form, if none of the keys
    signed it, or if a signature that says it is by one of them is not.
    """
    text, signatures = _parts(note)
    keys = {(key.name, key.id): key for key in known}
    by: dict[PublicKey, None] = {}
    for name, raw in signatures:
        key = keys.get((name, raw[:4]))
        if key is None:
            continue
        if not key.signed(text, raw[4:]):
            raise NoCheckpoint(f"the signature of {key.name} is not of this text")
        by[key] = None
    head = _head(text)
    if not by:
        names = ", ".join(sorted({name for name, _ in signatures}))
        raise NoCheckpoint(f"it is signed by {names}, by none of the keys that are known here")
    return head, tuple(by)


def is_by(note: str, known: Iterable[PublicKey]) -> bool:
    """Whether a note is a checkpoint that one of the known keys signed."""
    try:
        read(note, known)
    except NoCheckpoint:
        return False
    return True


def proof(index: int, body: str, siblings: Iterable[bytes], note: str) -> str:
    """That the leaf at `index` (from 0) is part of a checkpointed tree, with its body (https://c2sp.org/tlog-proof)."""
    way = "".join(f"{_coded(each)}\n" for each in siblings)
    return f"{_PROOF}\nextra {_coded(body.encode())}\nindex {index}\n{way}\n{note}"


def unchecked(note: str) -> Head:
    """The head that a note states, whoever signed it, if anybody did; raises `NoCheckpoint` for another form."""
    return _head(_parts(note)[0])


def _parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note and its signatures, by the name and the bytes of each."""
    if len(note.encode("utf-8", "replace")) > LONGEST or _CONTROL.search(note):
        raise NoCheckpoint("it is not a note: it is too long, or it has control characters")
    text, gap, rest = note.rpartition("\n\n")
    if not gap or not rest.endswith("\n"):
        raise NoCheckpoint("it is not a note: a text, an empty line, and signatures that each end their line")
    lines = rest.removesuffix("\n").split("\n")
    if len(lines) > _MOST:
        raise NoCheckpoint(f"it has {len(lines)} signatures; at most {_MOST} are looked at")
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    name, gap, coded = line.removeprefix(_DASH).partition(" ")
    raw = _decoded(coded)
    if not line.startswith(_DASH) or not gap or not _NAME.fullmatch(name) or raw is None or len(raw) <= 4:
        raise NoCheckpoint("it is not a note: a line that should be a signature is none")
    return name, raw


def _head(text: str) -> Head:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise NoCheckpoint("it is not a checkpoint: its first lines are the ledger's name, its size and its root")
    root = _decoded(lines[2])
    if root is None or len(root) != 32:
        raise NoCheckpoint("it is not a checkpoint: its third line is not a root")
    said = [line.removeprefix(_SUCCESSOR) for line in lines[3:] if line.startswith(_SUCCESSOR)]
    return Head(lines[0], int(lines[1]), root, *said[:1])


def _key(text: str, what: str, form: str, *, seed: bool = False) -> tuple[str, bytes]:
    """The name and the 32 bytes of a key, of which the id was checked."""
    name, _, rest = text.partition("+")
    id_, _, coded = rest.partition("+")
    raw = _decoded(coded)
    wrong = BadKey(f"this is not {what}: one reads {form}, with an Ed25519 key")
    if not _NAME.fullmatch(name) or raw is None or len(raw) != 33 or raw[:1] != _ED25519:
        raise wrong
    public = SigningKey(name, raw[1:]).public if seed else PublicKey(name, raw[1:])
    if public.id.hex() != id_:
        raise wrong
    return name, raw[1:]


_CHECKED: dict[bytes, bool] = {}
"""What came of the newest signatures that were checked, by the hash of key, signature and text."""


def is_signed(raw: bytes, text: str, signature: bytes) -> bool:
    """Whether an Ed25519 key made the signature of a text. Copies of a note are checked once."""
    if len(signature) != _SIGNATURE:
        return False
    said = text.encode()
    name = hashlib.sha256(raw + signature + said).digest()
    if name not in _CHECKED:
        if len(_CHECKED) >= _CACHED:
            _CHECKED.clear()
        _CHECKED[name] = _verifies(raw, said, signature)
    return _CHECKED[name]


def _verifies(raw: bytes, said: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, said)
    except InvalidSignature:
        return False
    return True


def _coded(raw: bytes) -> str:
    return b64encode(raw).decode()


def _decoded(text: str) -> bytes | None:
    """The bytes of a text in Base 64; `None` for one that another text would stand for as well."""
    try:
        raw = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return None
    return raw if _coded(raw) == text else None
