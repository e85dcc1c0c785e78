"""Lock a sweep for one writer: by a system lock locally, by a lease remotely."""

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from analysis.errors import LetheError, RunError, UserError
from analysis.filesystem import Location, connection
from analysis.filesystem.atomic import exists
from analysis.filesystem.path import RemotePath
from analysis.filesystem.processes import is_alive

REFRESH = 60.0
STALE = 300.0
_SETTLE = 2.0
_TRIES = 3


@dataclass(frozen=True)
class Holder:
    """The holder of a lease and its last refresh (seconds since 1970)."""

    host: str
    pid: int
    time: float
    token: str

    @property
    def is_stale(self) -> bool:
        """Whether its process has ended or has not refreshed the lease for too long."""
        if self.host == socket.gethostname() and not is_alive(self.pid):
            return True
        return abs(time.time() - self.time) > STALE


class Lease:
    """The right to write to a remote place: a file that names the writer and is kept fresh.

    It guards against starting a sweep twice, but is not a proof: a writer suspended for longer than
    ``STALE`` learns of its successor at the next refresh, and clocks may differ. Files are
    complete in any case.
    """

    def __init__(self, path: RemotePath, what: str) -> None:
        self.path = path
        self.what = what
        self._token = uuid.uuid4().hex
        self._ended = threading.Event()
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._keep_fresh, daemon=True)

    def acquire(self) -> None:
        """Take the lease, also from a stale holder.

        Raises
        ------
        UserError
            Another process holds it.
        """
        held = None
        for _ in range(_TRIES):
            held = holder(self.path)
            if held is not None and not held.is_stale:
                break
            if held is not None and holder(self.path) == held:
                self.path.unlink(missing_ok=True)
            try:
                self.path.create(self._content())
            except FileExistsError:
                continue
            if not connection.creates_exclusively(self.path.url):
                time.sleep(_SETTLE)
            held = holder(self.path)
            if held is not None and held.token == self._token:
                self._thread.start()
                return
        who = f"process {held.pid} on {held.host}" if held is not None else "another process"
        raise UserError(
            f"{self.what} is being written by {who}; wait for it (a killed process loses it after "
            f"{STALE / 60:.0f} minutes), or use another --name"
        )

    def release(self) -> None:
        """Release the lease if it is still held."""
        self._ended.set()
        self._thread.join()
        held = holder(self.path)
        if held is not None and held.token == self._token:
            self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Check that the lease is still held.

        Raises
        ------
        RunError
            Another process has taken it, or it could not be kept fresh.
        """
        if self._lost is not None:
            raise RunError(f"{self.what}: {self._lost}; finished work is kept")

    def _content(self) -> bytes:
        own = Holder(socket.gethostname(), os.getpid(), time.time(), self._token)
        return json.dumps(vars(own)).encode()

    def _keep_fresh(self) -> None:
        last = time.monotonic()
        while self._lost is None and not self._ended.wait(REFRESH):
            try:
                held = holder(self.path)
                if held is None or held.token != self._token:
                    by = "another process" if held is None else f"{held.pid} on {held.host}"
                    self._lost = f"its lease was taken by {by}"
                    return
                self.path.write_bytes(self._content())
                last = time.monotonic()
            except (LetheError, OSError) as error:
                if time.monotonic() - last > STALE - REFRESH:
                    self._lost = f"its lease could not be kept ({error})"


def holder(path: RemotePath) -> Holder | None:
    """Return the holder of a lease, None if free, a stale one if the file is damaged."""
    for _ in range(_TRIES):
        try:
            return Holder(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            time.sleep(_SETTLE / _TRIES)  # It may be being written.
    return Holder("an unknown machine", 0, 0.0, "")


LOCK = ".lock"
LEASE = ".lease"


@contextmanager
def held(folder: Location) -> Iterator[Callable[[], None]]:
    """Lock a sweep's folder for writing; yield a check that raises if the lock was lost.

    Raises
    ------
    UserError
        Another process is writing to it.
    RunError
        The folder cannot be written.
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
            f"sweep '{folder.name}' is being written by another process; wait for it, or use "
            "another --name"
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
    """Return whether a process holds the write lock of a sweep's folder."""
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
    """Return whether a lock is held, with read permission only."""
    try:
        import fcntl  # on POSIX only, as in filelock

        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False
