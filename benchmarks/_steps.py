"""Run an action in a child process and kill it, or fail it, at one of its file operations.

The operations are counted, not timed, so that each can be tested: all that Python opens, renames,
links, makes, lists, stats, deletes or flushes below a folder, and pyarrow's reads and writes.
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
# Operations that change the disk: a kill between two others changes nothing.
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
_TIMEOUT = 120


@dataclass(frozen=True)
class Fault:
    """A kill, or an error by its number, at the n-th operation."""

    step: int
    what: str | int

    @property
    def kinds(self) -> frozenset[str]:
        """The operations that count as steps."""
        return _CHANGING if self.what == KILL else _CHANGING | _READING


NO_FAULT = Fault(10**9, KILL)


@dataclass(frozen=True)
class Outcome:
    """A child's exit status (below 0: a signal), output, counted steps and the fault's place."""

    status: int
    output: str
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
        """Count an audit event of the interpreter."""
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


def run_child(act: Callable[[], int], folder: Path, fault: Fault = NO_FAULT) -> Outcome:
    """Run an action in a child process, with a fault at one operation below a folder."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as log:
        pid = os.fork()
        if pid == 0:
            _be_child(act, folder.resolve(), fault, output.fileno(), log.fileno())
        _, status = os.waitpid(pid, 0)
        output.seek(0)
        log.seek(0)
        n_steps, _, place = log.read().decode(errors="replace").partition("\n")
        return Outcome(
            os.waitstatus_to_exitcode(status),
            output.read().decode(errors="replace"),
            int(n_steps or 0),
            place,
        )


def _be_child(act: Callable[[], int], folder: Path, fault: Fault, output: int, log: int) -> None:
    status = 99
    try:
        signal.alarm(_TIMEOUT)
        os.dup2(output, 1)
        os.dup2(output, 2)
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
        os.pwrite(log, f"{counter.n_steps}\n{counter.place}".encode(), 0)
    finally:
        os._exit(status)
