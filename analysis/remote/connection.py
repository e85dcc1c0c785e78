"""File systems of fsspec: opened once a process, and what is known of their kinds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from analysis.errors import RunError, UserError
from analysis.remote.problems import told

T = TypeVar("T")

# A file appears there in one piece when its upload ends; a rename would be a copy.
OBJECT_STORES = frozenset(
    {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "obs", "cos", "memory"}
)
# Two processes that create a file at the same moment are told who was first.
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
            f"{shown}: fsspec knows no protocol '{protocol}'; expected one such as s3, gs, abfs, "
            "sftp, smb or file, or a path"
        )
    with told(shown):
        found, path = fsspec.core.url_to_fs(url)
        return found, str(path)


def protocol_of(url: str) -> str:
    """Protocol of a URL, such as ``s3``."""
    return url.partition("://")[0]


def is_object_store(url: str) -> bool:
    """Whether an upload there is whole or not at all by itself."""
    return protocol_of(url) in OBJECT_STORES


def creates_exclusively(url: str) -> bool:
    """Whether creating a file there fails where it exists, for all but one of several at once."""
    return protocol_of(url) in _EXCLUSIVE


def check_seen_by_others(url: str, shown: str) -> None:
    """Check that the workers of a sweep see what is written there.

    Raises
    ------
    UserError
        No other process does.
    """
    if protocol_of(url) in _ONE_PROCESS:
        raise UserError(
            f"{shown} is seen by this process alone, so the workers of a sweep could not use it; "
            "expected a path, or a URL such as s3://bucket/folder"
        )


@contextmanager
def using(fs: Any, url: str, shown: str) -> Iterator[None]:
    """Use a file system: one thread at a time where it has one connection, failures in words."""
    turn = nullcontext() if _bears_threads(fs, url) else _turn
    with told(shown), turn:
        yield


def act(url: str, shown: str, action: Callable[[Any, str], T], *, again: bool = True) -> T:
    """Act on a file system as it is now, not as it was listed before.

    A connection that lay idle may have been closed, so with ``again`` it is opened anew once.
    """
    fs, path = filesystem(url, shown)
    try:
        with using(fs, url, shown):
            fs.invalidate_cache()
            return action(fs, path)
    except RunError:
        if not again or _bears_threads(fs, url):
            raise
        fs.clear_instance_cache()
        return act(url, shown, action, again=False)


def kind(fs: Any, path: str) -> str | None:
    """Kind of what lies there, such as ``file`` or ``directory``; None where nothing does.

    fsspec's own ``exists`` and ``isfile`` say no where the server does not answer.
    """
    try:
        return str(fs.info(path)["type"])
    except FileNotFoundError:
        return None


def find(fs: Any, path: str) -> dict[str, Any]:
    """Describe every file below a folder; what vanishes meanwhile is left out, and nothing else."""

    def raise_unless_gone(error: Exception) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    # The others list everything in one go and fail as a whole.
    options = {} if fs.async_impl else {"on_error": raise_unless_gone}
    found: dict[str, Any] = fs.find(path, detail=True, **options)
    return found


def _bears_threads(fs: Any, url: str) -> bool:
    return bool(fs.async_impl) or protocol_of(url) in _THREADED
