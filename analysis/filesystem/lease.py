"""One writer at a time where no lock reaches: a file that says who writes, kept fresh.

It guards against the same sweep started twice, by people. It is no proof: a writer that stood still
for longer than ``STALE`` (a laptop asleep) and wakes learns of its successor at the next refresh,
and clocks that differ by more than that deceive it. Files are whole in any case.
"""

import json
import os
import socket
import threading
import time
import uuid
from dataclasses import dataclass

from analysis.errors import LetheError, RunError, UserError
from analysis.filesystem import connection
from analysis.filesystem.path import RemotePath
from analysis.filesystem.processes import is_alive

REFRESH = 60.0
STALE = 300.0
_SETTLE = 2.0
_TRIES = 3


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, and when it was last kept fresh (seconds since 1970)."""

    host: str
    pid: int
    time: float
    token: str

    @property
    def is_stale(self) -> bool:
        """Whether its process is known to have ended, or was not heard of for too long."""
        if self.host == socket.gethostname() and not is_alive(self.pid):
            return True
        return abs(time.time() - self.time) > STALE


class Lease:
    """The right to write to a place, from :meth:`acquire` to :meth:`release`."""

    def __init__(self, path: RemotePath, what: str) -> None:
        self.path = path
        self.what = what
        self._token = uuid.uuid4().hex
        self._ended = threading.Event()
        self._lost: str | None = None
        self._thread = threading.Thread(target=self._keep_fresh, daemon=True)

    def acquire(self) -> None:
        """Take the lease, from a holder gone stale too.

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
            f"{self.what} is being written by {who}; wait for it (a killed one is given up after "
            f"{STALE / 60:.0f} minutes), or give this one another --name"
        )

    def release(self) -> None:
        """Give the lease back, where it is still one's own."""
        self._ended.set()
        self._thread.join()
        held = holder(self.path)
        if held is not None and held.token == self._token:
            self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """See that the lease is still held.

        Raises
        ------
        RunError
            Another process has taken it, or it could not be kept fresh.
        """
        if self._lost is not None:
            raise RunError(f"{self.what}: {self._lost}; what was done is kept")

    def _content(self) -> bytes:
        said = Holder(socket.gethostname(), os.getpid(), time.time(), self._token)
        return json.dumps(vars(said)).encode()

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
    """Read who holds a lease; None where nobody does, somebody long gone where it is torn."""
    for _ in range(_TRIES):
        try:
            return Holder(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            time.sleep(_SETTLE / _TRIES)  # It may just be being written.
    return Holder("an unknown machine", 0, 0.0, "")
