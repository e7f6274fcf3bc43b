"""The owner's key: where it comes from, what is derived from it, and how it stays out of everything that is shown or stored."""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import hmac
import os
import pathlib
import secrets
import stat
from collections.abc import Callable

from tfdeid.errors import DeidError, warn

# The key that Ko et al. 2020 print. Good for reproducing their figures, and for nothing else.
_PUBLISHED = "jX4ZXXmM3qTgAjez/1j/EVz5tCcmQ711bz8hqIMJap0="
_MIN_BYTES = 32
_FINGERPRINT_LABEL = b"tfdeid key fingerprint v1"


class Key:
    """A secret key: the base64 text of at least 32 random bytes.

    White space around the text is stripped wherever it comes from; the remaining ASCII characters, not the bytes they encode,
    are what the encryption and all derivations use.

    A key shows nothing of itself: `repr` gives the fingerprint, and pickling is an error. Between processes pass a reference,
    such as a file's path (`Key.save`).
    """

    __slots__ = ("_fingerprint", "_reveal")

    def __init__(self, text: str | bytes):
        """Checks and takes a key's text.

        Raises:
          DeidError: it is not base64 of at least 32 bytes. The message does not show it.
        """
        material = _checked(text)
        # In a closure, neither a debugger's list of variables nor a traceback with locals prints it.
        self._reveal: Callable[[], bytes] = lambda: material
        self._fingerprint = self.hmac(_FINGERPRINT_LABEL)[:8].hex()

    @classmethod
    def generate(cls) -> Key:
        """Returns a new key from the system's random generator."""
        return cls(base64.b64encode(secrets.token_bytes(_MIN_BYTES)))

    @classmethod
    def load(cls, reference: str | os.PathLike[str]) -> Key:
        """Loads the key that a reference leads to.

        Args:
          reference: a file's path (the file must be readable by its owner alone); `env:NAME`, an environment variable;
            `gcp-secret:projects/P/secrets/S/versions/V`, Google Secret Manager (needs the extra `gcp`); or `paper`, the
            published key.

        Raises:
          DeidError: there is no such key, others can read it, or it is no key.
        """
        reference = os.fspath(reference)
        if reference == "paper":
            warn("the key 'paper' is published: everybody can undo what it does. Use it to reproduce figures only.")
            return cls(_PUBLISHED)
        if reference.startswith("env:"):
            return cls(_from_environment(reference.removeprefix("env:")))
        if reference.startswith("gcp-secret:"):
            return cls(_from_secret_manager(reference.removeprefix("gcp-secret:")))
        if not (path := pathlib.Path(reference).expanduser()).exists() and _is_key(reference):
            raise DeidError(
                "a key reference must say where the key lies, and what was given is itself the text of a key, which all who "
                "see this computer's processes can read. Save it in a file (0600), and make a new key if others could see it."
            )
        return cls(_from_file(path))

    @classmethod
    def load_or_create_default(cls) -> tuple[Key, pathlib.Path, bool]:
        """Returns the key at `default_key_path()`, the path, and whether it was made just now."""
        path = default_key_path()
        if not path.exists():
            try:
                key = cls.generate()
                key.save(path)
                return key, path, True
            except FileExistsError:
                pass  # Another process made it in between: its key counts.
        return cls.load(path), path, False

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the key to a new file that only its owner can read (0600).

        Raises:
          FileExistsError: the file exists; keys are never overwritten.
        """
        path = pathlib.Path(path).expanduser()
        if path.parent.exists() and not path.parent.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._reveal() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)  # Unlike a rename, a link fails if the name is taken.
        finally:
            temporary.unlink()

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell keys apart and reveal nothing of them."""
        return self._fingerprint

    @property
    def material(self) -> bytes:
        """The key's characters, for ciphers only: never to be stored, logged or shown."""
        return self._reveal()

    def hmac(self, *parts: str | bytes) -> bytes:
        """Returns HMAC-SHA256 of the parts, 32 bytes; parts are length-prefixed, so ("ab", "c") differs from ("a", "bc")."""
        message = hmac.new(self._reveal(), digestmod=hashlib.sha256)
        for part in parts:
            # Names that are no UTF-8 come as Python holds them, and count as the bytes that they are.
            data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
            message.update(len(data).to_bytes(8, "big") + data)
        return message.digest()

    def subkey(self, label: str, length: int = 32) -> bytes:
        """Returns bytes derived by HKDF-SHA256 (RFC 5869) that are independent of those for other labels."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), length, salt=None, info=f"tfdeid {label}".encode()).derive(self._reveal())

    def derive(self, label: str) -> Key:
        """Returns the key whose text is the base64 of `subkey(label)`: for ciphers that take a key of their own."""
        return Key(base64.b64encode(self.subkey(label)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and hmac.compare_digest(self._reveal(), other._reveal())

    def __hash__(self) -> int:
        return hash(self._fingerprint)

    def __repr__(self) -> str:
        return f"Key(fingerprint={self._fingerprint!r})"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError("a Key is never pickled or copied. Save it with Key.save(path) and pass the path.")


def default_key_path() -> pathlib.Path:
    """Returns where the key lies if none is given: ~/.config/tfdeid/key, or below $XDG_CONFIG_HOME."""
    base = os.environ.get("XDG_CONFIG_HOME") or pathlib.Path.home() / ".config"
    return pathlib.Path(base) / "tfdeid" / "key"


def _checked(text: str | bytes) -> bytes:
    """Returns the stripped text's ASCII bytes."""
    rule = f"a key is the base64 text of at least {_MIN_BYTES} random bytes"
    try:
        material = (text.encode("ascii") if isinstance(text, str) else bytes(text)).strip()
        size = len(base64.b64decode(material, validate=True))
    except (UnicodeEncodeError, binascii.Error):  # Their messages would quote the text.
        size = -1
    if size < 0:
        raise DeidError(f"{rule}; what was given ({len(text)} characters) is not base64. `tfdeid keygen` makes a key.")
    if size < _MIN_BYTES:
        raise DeidError(f"{rule}; what was given stands for {size} bytes. `tfdeid keygen` makes a key.")
    return material


def _is_key(text: str) -> bool:
    try:
        return bool(_checked(text))
    except DeidError:
        return False


def _from_file(path: pathlib.Path) -> bytes:
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077 and os.name == "posix":
                raise DeidError(f"a key file must be for its owner alone (0600), {path} is {mode:04o}. Run: chmod 600 {path}")
            return file.read(1_000_000)
    except FileNotFoundError:
        raise DeidError(f"there is no key file {path}. This makes one: tfdeid keygen --output {path}") from None
    except OSError as error:
        raise DeidError(f"the key file {path} can't be read: {error.strerror}.") from None


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise DeidError(f"the key reference env:{name} names an environment variable that is not set.")
    return value


def _from_secret_manager(name: str) -> bytes:
    try:
        from google.cloud import secretmanager
    except ImportError:
        raise DeidError("a gcp-secret: key needs Google's client library. Run: pip install 'tfdeid[gcp]'") from None
    try:
        return secretmanager.SecretManagerServiceClient().access_secret_version(name=name).payload.data
    except Exception as error:  # Many kinds, all of which mean that the secret can't be had; none quotes it.
        raise DeidError(f"the secret {name} can't be read: {type(error).__name__}: {error}") from None
