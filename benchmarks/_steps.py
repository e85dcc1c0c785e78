"""Run something in a child process that is killed, or told an error, at one of its file operations.

The operations are counted, not timed, so that every one of them has its turn: what Python opens,
renames, links, makes, lists, describes, deletes or flushes below a folder, and what pyarrow reads
or writes there.
"""

import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

KILL = "SIGKILL"
# Those after which the disk is not as it was before: a kill between two others changes nothing.
_CHANGING = frozenset(
    {
        "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
        "os.fsync", "os.write", "shutil.copyfile", "open for writing", "write_table",
    }
)  # fmt: skip
_READING = frozenset({"open", "os.listdir", "os.scandir", "os.stat", "read_table"})
_CALLS = {
    os: {"stat": "os.stat", "lstat": "os.stat", "fsync": "os.fsync", "write": "os.write"},
    pq: {
        "write_table": "write_table", "ParquetWriter": "write_table", "read_table": "read_table",
        "read_schema": "read_table", "read_metadata": "read_table", "ParquetFile": "read_table",
    },
}  # fmt: skip
_LIMIT = 120


@dataclass(frozen=True)
class Fault:
    """What happens at which step: a kill, or an error by its number."""

    step: int
    what: str | int

    @property
    def kinds(self) -> frozenset[str]:
        """The operations that are its steps."""
        return _CHANGING if self.what == KILL else _CHANGING | _READING


@dataclass(frozen=True)
class Outcome:
    """How a child ended: its status (below 0: the signal), what it said, and its steps."""

    status: int
    said: str
    n_steps: int
    place: str


class _Counter:
    def __init__(self, folder: Path, fault: Fault) -> None:
        self._folder, self._fault = str(folder), fault
        self.n_steps = 0
        self.place = ""
        self._is_busy = threading.local()

    def step(self, kind: str, path: object) -> None:
        if kind not in self._fault.kinds or getattr(self._is_busy, "now", False):
            return
        self._is_busy.now = True
        try:
            name = _name(path)
            if not name.startswith(self._folder):
                return
            self.n_steps += 1
            if self.n_steps != self._fault.step:
                return
            self.place = f"{kind} {name.removeprefix(self._folder)}"
        finally:
            self._is_busy.now = False
        if self._fault.what == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        number = int(self._fault.what)
        raise OSError(number, os.strerror(number), name)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take what the interpreter says of itself."""
        if event == "open":
            path, mode, flags = arguments
            is_writing = bool(flags & (os.O_WRONLY | os.O_RDWR)) or any(
                one in (mode or "") for one in "wax+"
            )
            self.step("open for writing" if is_writing else "open", path)
        elif event in _CHANGING or event in _READING:
            self.step(event, arguments[0])


def _name(path: object) -> str:
    if isinstance(path, int):
        try:
            return os.readlink(f"/proc/self/fd/{path}")
        except OSError:
            return ""
    if isinstance(path, str | bytes | os.PathLike):
        return os.path.abspath(os.fsdecode(path))
    return ""


def _listen(counter: _Counter) -> None:
    def counted(real: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            counter.step(kind, arguments[0] if arguments else None)
            return real(*arguments, **options)

        return call

    for module, names in _CALLS.items():
        for name, kind in names.items():
            real = getattr(module, name)
            if isinstance(real, type):
                setattr(module, name, _counted_class(real, kind, counter))
            else:
                setattr(module, name, counted(real, kind))
    sys.addaudithook(counter.hear)


def _counted_class(real: type, kind: str, counter: _Counter) -> type:
    class Counted(real):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            counter.step(kind, arguments[0] if arguments else None)
            super().__init__(*arguments, **options)

    return Counted


def run_child(act: Callable[[], int], folder: Path, fault: Fault) -> Outcome:
    """Run an action in a child, with a fault at one of the operations below a folder."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
        pid = os.fork()
        if pid == 0:
            _be_child(act, folder.resolve(), fault, said.fileno(), told.fileno())
        _, status = os.waitpid(pid, 0)
        said.seek(0)
        told.seek(0)
        n_steps, _, place = told.read().decode(errors="replace").partition("\n")
        return Outcome(
            os.waitstatus_to_exitcode(status),
            said.read().decode(errors="replace"),
            int(n_steps or 0),
            place,
        )


def _be_child(act: Callable[[], int], folder: Path, fault: Fault, said: int, told: int) -> None:
    status = 99
    try:
        signal.alarm(_LIMIT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        counter = _Counter(folder, fault)
        _listen(counter)
        try:
            status = act()
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        counter._is_busy.now = True
        os.pwrite(told, f"{counter.n_steps}\n{counter.place}".encode(), 0)
    finally:
        os._exit(status)
