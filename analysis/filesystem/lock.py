"""One writer of a sweep at a time: a lock of this machine's system, or a lease elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from analysis.errors import RunError, UserError
from analysis.filesystem import Location, RemotePath
from analysis.filesystem.atomic import exists
from analysis.filesystem.lease import Lease, holder

LOCK = ".lock"
LEASE = ".lease"


@contextmanager
def held(folder: Location) -> Iterator[Callable[[], None]]:
    """Hold a sweep's folder for writing; give a check that raises where it is held no more.

    Raises
    ------
    UserError
        Another process is writing to it.
    RunError
        It cannot be written at all.
    """
    if isinstance(folder, RemotePath):
        lease = Lease(folder / LEASE, f"sweep '{folder.name}'")
        lease.acquire()
        try:
            yield lease.check
        finally:
            lease.release()
        return
    lock = filelock.FileLock(folder / LOCK, timeout=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"sweep '{folder.name}' is being written by another process; wait for it, or give "
            "this one another --name"
        ) from None
    except OSError as error:
        raise RunError(
            f"the cache {folder.parent} cannot be written: {error.strerror or error}"
        ) from error
    try:
        yield _nothing_to_check
    finally:
        lock.release()


def _nothing_to_check() -> None:
    pass


def is_held(folder: Location) -> bool:
    """Whether a process holds a sweep's folder for writing now."""
    if isinstance(folder, RemotePath):
        found = holder(folder / LEASE)
        return found is not None and not found.is_stale
    return _is_locked(folder / LOCK)


def _is_locked(path: Path) -> bool:
    if not exists(path):
        return False
    lock = filelock.FileLock(path, timeout=0)
    try:
        with lock:
            return False
    except filelock.Timeout:
        return True
    except OSError:
        return _is_locked_for_a_reader(path)


def _is_locked_for_a_reader(path: Path) -> bool:
    """Whether a lock is held, asked by somebody who may read it and not write to it."""
    try:
        import fcntl  # of POSIX alone, where filelock uses it too

        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False
