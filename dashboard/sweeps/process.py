"""One child process of the server, its log, and how it ended.

There is one place for the sweep that runs and one for the estimate: at most one of each at a time.
Words are handed over as a list; no shell reads them.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import RunError, UserError

_LAST_LINES = 3
_LAST_BYTES = 64_000
_STOPPED = 130
_FOUND = 1


@dataclass(frozen=True)
class State:
    """What the last child is or was: its sweep, whether it runs, and in what words it failed.

    ``name`` is empty where there was none yet; ``words`` are what it was started with. One that was
    stopped from the screen, or that an interrupt ended, has not failed; nor has a check that found
    something (``has_finding``). ``starter`` is the visit it was started from, None where the server
    started it by itself.
    """

    name: str = ""
    words: tuple[str, ...] = ()
    is_running: bool = False
    is_stopping: bool = False
    was_stopped: bool = False
    failure: str | None = None
    has_finding: bool = False
    starter: str | None = None


class Place:
    """Room for one child process at a time."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._name, self._words = "", tuple[str, ...]()
        self._log = Path()
        self._is_stopping = self._was_stopped = False
        self._is_check = False
        self._starter: str | None = None

    def start(
        self,
        name: str,
        words: Sequence[str],
        log: Path,
        folder: Path | None = None,
        *,
        is_check: bool = False,
        starter: str | None = None,
    ) -> None:
        """Run ``python -m analysis`` with these words, in a process group of its own.

        Parameters
        ----------
        folder
            Where it works, if not where the server does. No Python is read there, and it is
            removed when the child has ended, however that was.
        is_check
            Whether exit status 1 is a finding of the child, no failure.
        starter
            The visit that it is started from.

        Raises
        ------
        UserError
            There is one that runs.
        RunError
            No process can be started.
        """
        with self._lock:
            if self.state().is_running:
                raise UserError(
                    f"{self.what} '{self._name}' is under way, and there is one at a time: wait "
                    "for it, or stop it"
                )
            try:
                self._process = _opened(words, log, folder)
            except OSError as error:
                raise RunError(f"{self.what} '{name}' cannot be started: {error}") from error
            self._name, self._words, self._log = name, tuple(words), log
            self._is_stopping = self._was_stopped = False
            self._is_check, self._starter = is_check, starter
            if folder is not None:
                threading.Thread(
                    target=_clean_up, args=(self._process, folder), daemon=True
                ).start()

    def state(self) -> State:
        """Tell how the child is."""
        with self._lock:
            process = self._process
            if process is None:
                return State()
            status = process.poll()
            if status is None:
                return State(
                    self._name, self._words, True, self._is_stopping, starter=self._starter
                )
            was_stopped = self._was_stopped or self._is_stopping or status == _STOPPED
            has_found = self._is_check and status == _FOUND and not was_stopped
            is_well = was_stopped or status == 0 or has_found
            failure = None if is_well else self._told(status)
            return State(
                self._name, self._words, False, False, was_stopped, failure, has_found,
                self._starter,
            )  # fmt: skip

    def output(self) -> str:
        """Return the last of what the child wrote."""
        try:
            with self._log.open("rb") as written:
                written.seek(max(0, self._log.stat().st_size - _LAST_BYTES))
                return written.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def stop(self, patience: float = 10.0) -> None:
        """End the child and its workers, by an interrupt first: it leaves nothing half-written."""
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                return
            self._is_stopping = True
        for ending in _endings():
            _send(process, ending)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            break
        with self._lock:
            if self._process is process:
                self._is_stopping, self._was_stopped = False, True

    def stop_soon(self) -> None:
        """End the child without waiting for it."""
        threading.Thread(target=self.stop, daemon=True).start()

    def stop_later(self, seconds: float) -> None:
        """End the child that runs now, should it take longer than this."""
        process = self._process

        def late() -> None:
            if self._process is process:
                self.stop()

        timer = threading.Timer(seconds, late)
        timer.daemon = True
        timer.start()

    def forget(self) -> None:
        """End the child, and know of none any more."""
        self.stop()
        with self._lock:
            self._process, self._name, self._was_stopped = None, "", False

    def _told(self, status: int) -> str:
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        if status < 0:
            ended = f"It was ended by signal {-status}."
            return " ".join([*lines[-_LAST_LINES:], ended])
        errors = [line for line in lines if "error:" in line]
        return " ".join((errors or lines)[-_LAST_LINES:]) or f"It ended with exit status {status}."


def _clean_up(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _opened(words: Sequence[str], log: Path, folder: Path | None) -> "subprocess.Popen[bytes]":
    more = {} if folder is None else {"PYTHONSAFEPATH": "1"}
    with log.open("wb") as written:
        return subprocess.Popen(
            [sys.executable, "-m", "analysis", *words],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": python_path(), "PYTHONUNBUFFERED": "1"} | more,
            cwd=folder,
            start_new_session=True,
        )


def _endings() -> list[signal.Signals]:
    if os.name == "nt":
        return [signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


def _send(process: "subprocess.Popen[bytes]", ending: signal.Signals) -> None:
    try:
        if os.name == "nt":
            process.terminate()
        else:
            os.killpg(process.pid, ending)
    except ProcessLookupError:
        return


def python_path() -> str:
    """Where a child finds the packages, wherever the app was started from."""
    root = Path(__file__).resolve().parents[2]
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    # Absolute ones, since a child may work in another folder.
    return os.pathsep.join([str(root), *map(os.path.abspath, paths)])
