"""The demo sweep as a child process of the app: started, watched and ended with it."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

DEMO = "demo"
_LAST_LINES = 3


@dataclass(frozen=True)
class DemoState:
    """Whether the child runs or is about to, and in what words it failed where it did."""

    is_running: bool = False
    failure: str | None = None


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    errors: IO[bytes]


_children: list[_Child] = []
_waiting: list[threading.Timer] = []


def is_wanted(root: str | Path) -> bool:
    """Whether a demo sweep is to be started: no sweep at all, or an unfinished demo nobody runs."""
    from analysis.store import Cache

    cache = Cache(root)
    names = cache.names()
    if DEMO not in names:
        return not names and not cache.sweep(DEMO).is_running
    folder = cache.sweep(DEMO)
    return not folder.is_running and not folder.manifest().is_complete


def start_soon(root: str | Path, delay: float) -> None:
    """Start the demo sweep where it is wanted, ``delay`` seconds from now: the page comes first."""
    timer = threading.Timer(delay, _start_if_wanted, [root])
    timer.daemon = True
    _waiting.append(timer)
    timer.start()


def _start_if_wanted(root: str | Path) -> None:
    from analysis.errors import LetheError

    try:
        if is_wanted(root):
            start(root)
    except LetheError as error:
        # The page of that sweep tells the same; the app is of use without the demo.
        print(f"the demo sweep was not started: {error}", file=sys.stderr)
    finally:
        _waiting.clear()


def start(root: str | Path) -> None:
    """Start the demo sweep beside the app; its standard error is kept for :func:`state`."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed when the child is ended)
    process = subprocess.Popen(
        [sys.executable, "-m", "analysis", "demo", "--cache", str(root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        cwd=Path.cwd(),
        env=os.environ | {"PYTHONPATH": _python_path()},
        start_new_session=True,
    )
    _children.append(_Child(process, errors))


def state() -> DemoState:
    """Tell how the child is."""
    if not _children:
        return DemoState(is_running=bool(_waiting))
    child = _children[-1]
    status = child.process.poll()
    if status is None:
        return DemoState(is_running=True)
    if status == 0:
        return DemoState()
    child.errors.seek(0)
    lines = child.errors.read().decode("utf-8", "replace").split("\n")
    told = [line.strip() for line in lines if line.strip()][-_LAST_LINES:]
    return DemoState(failure=" ".join(told) or f"It ended with exit status {status}.")


def stop(patience: float = 10.0) -> None:
    """End the child and its workers, by an interrupt first: it leaves nothing half-written."""
    for timer in list(_waiting):
        timer.cancel()
        timer.join(patience)
    _waiting.clear()
    for child in _children:
        for ending in _endings():
            if child.process.poll() is not None:
                break
            _send(child.process, ending)
            try:
                child.process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        child.errors.close()
    _children.clear()


def _endings() -> list[signal.Signals]:
    if os.name == "nt":
        return [signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


def _send(process: subprocess.Popen[bytes], ending: signal.Signals) -> None:
    try:
        if os.name == "nt":
            process.terminate()
        else:
            os.killpg(process.pid, ending)
    except ProcessLookupError:
        return


def _python_path() -> str:
    root = str(Path(__file__).resolve().parents[1])
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
