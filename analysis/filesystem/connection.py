"""Open fsspec's file systems once a process, with translated errors and safe renames."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from analysis.errors import LetheError, RunError, UserError

# Errors that callers handle themselves.
_ORDINARY = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
# Libraries have their own classes for refusals, recognized by name.
_REFUSALS = ("credential", "auth", "perm", "denied", "forbidden")


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
    """Translate errors of a file system's library into messages about ``place``.

    Raises
    ------
    UserError
        The library is missing, or the server refuses this user.
    RunError
        The server cannot be reached or failed.
    """
    try:
        yield
    except (LetheError, *_ORDINARY):
        raise
    except ImportError as error:
        raise UserError(f"{place} needs another package: {_words(error)}") from error
    except Exception as error:
        if any(word in type(error).__name__.lower() for word in _REFUSALS):
            raise UserError(
                f"{place}: access was refused ({_words(error)}); check the credentials and what "
                "they may do"
            ) from error
        raise RunError(f"{place} cannot be reached: {_words(error)}") from error


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


T = TypeVar("T")

# Uploads are atomic there; a rename would be a copy.
OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "obs", "cos", "memory"}
)
# Exclusive creation is reliable there.
_EXCLUSIVE = OBJECT_STORES | {"local", "sftp", "ssh", "smb"}
_ONE_PROCESS = frozenset({"memory"})
_THREADED = frozenset({"memory", "local"})
_turn = threading.RLock()


def filesystem(url: str, shown: str) -> tuple[Any, str]:
    """Open the file system of a URL; return it and the path on it.

    Raises
    ------
    UserError
        The protocol is unknown or its package is missing, or the server refuses this user.
    RunError
        The server cannot be reached.
    """
    import fsspec
    from fsspec.registry import available_protocols

    protocol = protocol_of(url)
    if protocol not in available_protocols():
        raise UserError(
            f"{shown}: unknown protocol '{protocol}' of fsspec; expected one such as s3, gs, abfs, "
            "sftp, smb or file, or a path"
        )
    with translate_errors(shown):
        found, path = fsspec.core.url_to_fs(url)
        return found, str(path)


def protocol_of(url: str) -> str:
    """Return the protocol of a URL, such as ``s3``."""
    return url.partition("://")[0]


def is_object_store(url: str) -> bool:
    """Return whether uploads to a URL are atomic."""
    return protocol_of(url) in OBJECT_STORES


def creates_exclusively(url: str) -> bool:
    """Return whether exclusive creation is reliable at a URL."""
    return protocol_of(url) in _EXCLUSIVE


def check_seen_by_others(url: str, shown: str) -> None:
    """Check that the workers of a sweep can see the place.

    Raises
    ------
    UserError
        Only this process can.
    """
    if protocol_of(url) in _ONE_PROCESS:
        raise UserError(
            f"{shown} is visible only to this process, so the workers of a sweep cannot use it; "
            "expected a path, or a URL such as s3://bucket/folder"
        )


@contextmanager
def using(fs: Any, url: str, shown: str) -> Iterator[None]:
    """Use a file system with translated errors, by one thread if it is not thread-safe."""
    turn = nullcontext() if _is_thread_safe(fs, url) else _turn
    with translate_errors(shown), turn:
        yield


def act(url: str, shown: str, action: Callable[[Any, str], T], *, again: bool = True) -> T:
    """Act on a file system with fresh listings.

    An idle connection may have been closed: with ``again`` it is reopened once.
    """
    fs, path = filesystem(url, shown)
    try:
        with using(fs, url, shown):
            fs.invalidate_cache()
            return action(fs, path)
    except RunError:
        if not again or _is_thread_safe(fs, url):
            raise
        fs.clear_instance_cache()
        return act(url, shown, action, again=False)


def kind(fs: Any, path: str) -> str | None:
    """Return the kind of a path, such as ``file`` or ``directory``; None if missing.

    fsspec's own ``exists`` and ``isfile`` return False if the server does not answer.
    """
    try:
        return str(fs.info(path)["type"])
    except FileNotFoundError:
        return None


def find(fs: Any, path: str) -> dict[str, Any]:
    """Describe every file below a folder, except files that vanish meanwhile."""

    def raise_unless_gone(error: Exception) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    # Asynchronous ones list everything at once and fail as a whole.
    options = {} if fs.async_impl else {"on_error": raise_unless_gone}
    found: dict[str, Any] = fs.find(path, detail=True, **options)
    return found


def _is_thread_safe(fs: Any, url: str) -> bool:
    return bool(fs.async_impl) or protocol_of(url) in _THREADED


TEMPORARY = ".tmp-"
_TRIES = 3


def replace_by_rename(fs: Any, path: str, write: Callable[[Any, str], object]) -> None:
    """Let ``write(fs, temporary)`` write beside a file, then rename over it."""
    parent, _, name = path.rpartition("/")
    temporary = f"{parent}/{TEMPORARY}{socket.gethostname()}-{os.getpid()}-{name}"
    _make_folder(fs, parent)
    try:
        write(fs, temporary)
        try:
            fs.mv(temporary, path)
        except Exception:
            # Some servers refuse to rename onto an existing file.
            if kind(fs, path) is None:
                raise
            fs.rm_file(path)
            fs.mv(temporary, path)
    except BaseException:
        fs.invalidate_cache()
        if kind(fs, temporary) is not None:
            fs.rm_file(temporary)
        raise


def create_exclusively(fs: Any, path: str, content: bytes) -> None:
    """Create a file unless it exists.

    Raises
    ------
    FileExistsError
        The file exists.
    """
    _make_folder(fs, fs._parent(path))
    # Not every file system supports "x".
    if kind(fs, path) is not None:
        raise FileExistsError(path)
    with fs.open(path, "xb") as file:
        file.write(content)


def _make_folder(fs: Any, path: str) -> None:
    for _ in range(_TRIES):
        try:
            fs.makedirs(path, exist_ok=True)
        except Exception:
            # Another worker may have made it, or a parent, just now.
            fs.invalidate_cache()
            if kind(fs, path) == "directory":
                return
        else:
            return
    fs.makedirs(path, exist_ok=True)
