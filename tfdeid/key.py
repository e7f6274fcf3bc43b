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
import shlex
import stat
from collections.abc import Callable

from tfdeid.errors import DeidError, warn
from tfdeid.files import expand
from tfdeid.redaction import PLACEHOLDER, looks_like_key, shown, without_keys

# The key that Ko et al. 2020 print. Good for reproducing their figures, and for nothing else.
_PUBLISHED = "jX4ZXXmM3qTgAjez/1j/EVz5tCcmQ711bz8hqIMJap0="
_MIN_BYTES = 32
_FINGERPRINT_LABEL = b"tfdeid key fingerprint v1"
_LARGEST_FILE = 1_000_000
_KINDS = "a file's path, env:NAME, gcp-secret:projects/P/secrets/S/versions/V or paper"


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
    def load(cls, reference: str | os.PathLike[str] | None = None) -> Key:
        """Loads the key that a reference leads to.

        Args:
          reference: a file's path (the file must be readable by its owner alone); `env:NAME`, an environment variable;
            `gcp-secret:projects/P/secrets/S/versions/V`, Google Secret Manager (needs the extra `gcp`); or `paper`, the
            published key. None for the key at `default_key_path()`.

        Raises:
          DeidError: there is no such key, others can read it, or it is no key. The message does not show what may be its text.
        """
        reference = os.fspath(default_key_path() if reference is None else reference)
        if reference == "paper":
            warn("the key 'paper' is published: everybody can undo what it does. Use it to reproduce figures only.")
            return cls(_PUBLISHED)
        if not reference.strip():
            raise DeidError(f"a key reference must be {_KINDS}, and the one given is empty.")
        if looks_like_key(reference) and not _exists(reference):
            raise DeidError(
                f"a key reference must say where the key lies ({_KINDS}), and what was given looks like the text of a key, "
                "which all who see this computer's processes can read. Save it in a file (0600), and make a new key if others "
                "could see it."
            )
        return cls(_checked(*_fetch(reference)))

    @classmethod
    def load_or_create_default(cls) -> tuple[Key, pathlib.Path, bool]:
        """Returns the key at `default_key_path()`, the path, and whether it was made just now."""
        path = default_key_path()
        if not os.path.lexists(path):
            try:
                key = cls.generate()
                key.save(path)
                return key, path, True
            except FileExistsError:
                pass  # Another process made it in between: its key counts.
            except OSError as error:
                raise DeidError(
                    f"the default key {path} can't be written: {error.strerror}. Say where your key is with --key; "
                    "`tfdeid keygen --output PATH` makes one in another place."
                ) from None
        return cls.load(path), path, False

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the key to a new file that only its owner can read (0600).

        Raises:
          FileExistsError: the file exists; keys are never overwritten.
          OSError: it can't be written.
        """
        path = expand(path)
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
        from cryptography.hazmat.primitives.hashes import SHA256  # Late: a run that only reads takes no subkeys.
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # Late: a run that only reads takes no subkeys.

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
    """Returns where the key lies if none is given: ~/.config/tfdeid/key, or below $XDG_CONFIG_HOME.

    Raises:
      DeidError: no home folder is known.
    """
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    if base.startswith("~"):
        raise DeidError(
            "no home folder is known here, and so no default key. Set HOME, or say where the key is (--key, --output)."
        )
    return pathlib.Path(base) / "tfdeid" / "key"


def _checked(text: str | bytes, where: str = "what was given") -> bytes:
    """Returns the stripped text's ASCII bytes."""
    rule = f"a key is the base64 text of at least {_MIN_BYTES} random bytes"
    try:
        material = (text.encode("ascii") if isinstance(text, str) else bytes(text)).strip()
        size = len(base64.b64decode(material, validate=True))
    except (UnicodeEncodeError, binascii.Error):  # Their messages would quote the text.
        size = -1
    if size < 0:
        hint = _hint(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
        raise DeidError(f"{rule}; {where} ({len(text)} characters) is not base64{hint}. `tfdeid keygen` makes a key.")
    if size < _MIN_BYTES:
        raise DeidError(f"{rule}; {where} stands for {size} bytes. `tfdeid keygen` makes a key.")
    return material


def _hint(data: bytes) -> str:
    """Returns why some bytes are no base64, without a word of them."""
    data = data.strip()
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return ": it begins with a byte order mark, as some editors write it"
    if not (data.isascii() and data.decode("ascii").replace("\n", "").replace("\r", "").isprintable()):
        return ": it is no text, or has characters beyond ASCII"
    if len(data.split()) > 1:
        return ": it has white space or several lines inside"
    if data.startswith((b'"', b"'")):
        return ": it is quoted"
    if data.strip(b"=").replace(b"-", b"").replace(b"_", b"").isalnum() and (b"-" in data or b"_" in data):
        return ": it is of the URL-safe kind, with - and _ for + and /"
    if len(data) % 4 and data.replace(b"+", b"").replace(b"/", b"").isalnum():
        return ": characters are missing, perhaps the = at the end"
    return ""


def _exists(reference: str) -> bool:
    try:
        return os.path.exists(os.path.expanduser(reference))
    except ValueError:  # It holds a zero byte.
        return False


def _fetch(reference: str) -> tuple[str | bytes, str]:
    """Returns what a reference leads to, and what to call it."""
    if reference.startswith("env:"):
        return _from_environment(reference.removeprefix("env:")), shown(reference)
    if reference.startswith("gcp-secret:"):
        return _from_secret_manager(reference.removeprefix("gcp-secret:")), shown(reference)
    if "://" in reference:
        raise DeidError(f"a key reference must be {_KINDS}, it was {reference!r}. Copy the key to a file of this machine.")
    path = expand(reference)
    return _from_file(path), shown(str(path))


def _from_file(path: pathlib.Path) -> bytes:
    name = shown(str(path))
    try:
        # A pipe that nobody writes to is no reason to wait.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
                raise DeidError(f"the key file {name} can't be read: it is {kind}. A key is a file of its own, or env:NAME.")
            if status.st_size > _LARGEST_FILE:
                raise DeidError(f"the key file {name} can't be read: it has {status.st_size:,} bytes, and a key has some 45.")
            mode = stat.S_IMODE(status.st_mode)
            if mode & 0o077 and os.name == "posix":
                raise DeidError(
                    f"a key file must be for its owner alone (0600), {name} is {mode:04o}. Run: chmod 600 {_anywhere(path)}"
                )
            return file.read(_LARGEST_FILE)
    except FileNotFoundError:
        raise DeidError(f"there is no key file {name}. This makes one: tfdeid keygen --output {_anywhere(path)}") from None
    except OSError as error:
        raise DeidError(f"the key file {name} can't be read: {error.strerror}.") from None
    except ValueError as error:
        if isinstance(error, DeidError):
            raise
        raise DeidError(f"the key file {name!r} can't be read: no path holds a zero byte.") from None


def _anywhere(path: pathlib.Path) -> str:
    """Returns a path for a command that is pasted in another folder."""
    name = shown(str(path))
    return name if name == PLACEHOLDER else shlex.quote(shown(os.path.abspath(path)))


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise DeidError(f"the key reference env:{shown(name)} names an environment variable that is not set.")
    return value


def _from_secret_manager(name: str) -> bytes:
    try:
        from google.cloud import secretmanager  # Late: few have it.
    except ImportError:
        raise DeidError("a gcp-secret: key needs Google's client library. Run: pip install 'tfdeid[gcp]'") from None
    try:
        return secretmanager.SecretManagerServiceClient().access_secret_version(name=name).payload.data
    except Exception as error:  # Many kinds, all of which mean that the secret can't be had; none quotes it.
        reason = without_keys(" ".join(str(error).split()))
        raise DeidError(f"the secret {shown(name)} can't be read: {type(error).__name__}: {reason}") from None
