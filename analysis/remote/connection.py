"""File systems of fsspec: opened once a process, and what is known of their kinds."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from analysis.errors import UserError
from analysis.remote.problems import told

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


def is_seen_by_others(url: str) -> bool:
    """Whether other processes see what is written there."""
    return protocol_of(url) not in _ONE_PROCESS


def bears_threads(url: str, system: Any) -> bool:
    """Whether several threads may use a file system at once: not where they share a connection."""
    return bool(system.async_impl) or protocol_of(url) in _THREADED


def turn(url: str, system: Any) -> AbstractContextManager[Any]:
    """Wait for this thread's turn where a file system bears one thread at a time."""
    return nullcontext() if bears_threads(url, system) else _turn
