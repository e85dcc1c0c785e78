"""Starting, stopping and resuming sweeps beside the app: one at a time, ended with the server."""

import atexit
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from analysis.config import check_sweep_name
from analysis.errors import LetheError, UserError
from analysis.filesystem import Location, RemotePath, address, location
from analysis.store import Cache
from analysis.store.manifest import Manifest
from analysis.sweep.command import shift_words, sweep_words
from dashboard import permissions
from dashboard.permissions import visit
from dashboard.sweeps import trust, uploads
from dashboard.sweeps.process import Place, State
from dashboard.sweeps.uploads import own_folder

DEMO = "demo"
ESTIMATE_SECONDS = 180.0
CHECK_SECONDS = 1800.0
LOGS = ".logs"
_running = Place("sweep")
_estimating = Place("the estimate of")
_waiting: list[threading.Timer] = []


def state() -> State:
    """Tell how the sweep is that this server started last; a demo about to start runs already.

    Everybody sees that one runs. How it ended, which may name files of whoever started it, is
    shown in that visit alone; of what the server started by itself, in every visit.
    """
    child = _running.state()
    if child.is_running:
        return child
    if _waiting:
        return State(DEMO, is_running=True)
    return child if child.starter in (None, visit()) else State()


def start(
    root: str | Location, name: str, words: Sequence[str], folder: Path | None = None
) -> None:
    """Start a sweep of this name by the words of its command, verb first.

    Parameters
    ----------
    folder
        Where the command works; it is removed when the command has ended.

    Raises
    ------
    UserError
        The dashboard is read-only, one runs already, the name cannot be one, or the words name
        code that may not be run from here.
    RunError
        No process can be started.
    """
    permissions.check("start sweeps")
    trust.check(words)
    check_sweep_name(name)
    place = location(root)
    atexit.register(stop_all)
    if Cache(place).sweep(name).is_running:
        raise UserError(f"sweep '{name}' is being made by another process already")
    # An absolute one, since the command may work in a folder of its own.
    where = address(place if isinstance(place, RemotePath) else place.absolute())
    command = [*words, "--cache", where]
    _running.start(name, command, _log(place, name), folder, starter=visit())


def start_on_uploads(
    root: str | Location, name: str, words: Sequence[str], files: Sequence[uploads.Uploaded]
) -> None:
    """Start a command that works in a folder of its own with these files, which go with it.

    Raises
    ------
    UserError, RunError
        As :func:`start`; or a file's name cannot be used, or there is no room.
    """
    permissions.check("import predictions")
    folder = uploads.put_aside(files)
    try:
        start(root, name, words, folder)
    except LetheError:
        uploads.remove(folder)
        raise


def start_demo(root: str | Location) -> None:
    """Start the demo sweep, or what is missing of it.

    Raises
    ------
    UserError, RunError
        As :func:`start`.
    """
    start(root, DEMO, ["demo"])


def resume(root: str | Location, manifest: Manifest) -> None:
    """Start a sweep again with its own options: what is finished stays.

    Raises
    ------
    UserError
        As :func:`start`; or the manifest does not say enough, see :func:`why_not_resumable`.
    """
    why_not = why_not_resumable(manifest)
    if why_not is not None:
        raise UserError(why_not)
    start(root, manifest.name, resuming(manifest))


def resuming(manifest: Manifest) -> list[str]:
    """Words of the command that makes what a sweep lacks."""
    return [*sweep_words(manifest), *shift_words(manifest)]


def lacks_something(manifest: Manifest) -> bool:
    """Whether requested runs are missing, or their predictions on shifts."""
    return not manifest.is_complete or manifest.n_shifted_done < manifest.n_shifted


def why_not_resumable(manifest: Manifest) -> str | None:
    """Say why a sweep cannot be resumed from the screen; None where it can."""
    if "dataset" not in manifest.config.options:
        return "This sweep does not say how it was made, so it cannot be resumed."
    if manifest.origin == "external":
        return trust.why_not_run_again(manifest)
    if manifest.config.method_files:
        # A cache from elsewhere must not choose which Python file this machine runs.
        return (
            "This sweep was made with a file of compression methods, which is Python. Resume it on "
            "the command line, once you have read the file."
        )
    return None


def stop() -> None:
    """Stop the sweep that this server started; what is finished stays.

    Raises
    ------
    UserError
        The dashboard is read-only.
    """
    permissions.check("stop sweeps")
    _running.stop_soon()


def start_estimate(root: str | Location, name: str, words: Sequence[str]) -> None:
    """Ask what a sweep would take: its dry run, which writes nothing to the cache.

    Raises
    ------
    UserError
        The dashboard is read-only, or another estimate is under way.
    """
    _try(root, name, [*words, "--dry-run"], is_check=False)


def start_check(root: str | Location, name: str, words: Sequence[str]) -> None:
    """Start a command that looks for something and writes nothing: exit status 1, it found it.

    Raises
    ------
    UserError
        The dashboard is read-only, or another trial is under way.
    """
    _try(root, name, words, is_check=True)


def _try(root: str | Location, name: str, words: Sequence[str], *, is_check: bool) -> None:
    permissions.check("estimate sweeps")
    trust.check(words)
    atexit.register(stop_all)
    place = address(location(root))
    log = own_folder() / "estimate.log"
    _estimating.start(name, [*words, "--cache", place], log, is_check=is_check)
    _estimating.stop_later(seconds(words))


def seconds(words: Sequence[str]) -> float:
    """Return how long a trial may take, in seconds, before it is given up."""
    return ESTIMATE_SECONDS if "--dry-run" in words else CHECK_SECONDS


def estimate() -> tuple[State, str]:
    """Return the state of the estimate, and its output."""
    return _estimating.state(), _estimating.output()


def log() -> str:
    """Return the last of what the sweep wrote that this server started last."""
    return _running.output()


def forget_ended() -> None:
    """Know no longer how the last sweep that this server started ended."""
    if not _running.state().is_running:
        _running.forget()


def stop_estimate() -> None:
    """Give the estimate up."""
    _estimating.stop_soon()


def is_demo_wanted(root: str | Path) -> bool:
    """Whether a demo sweep is to be started: no sweep at all, or an unfinished demo nobody runs."""
    found = Cache(root)
    names = found.names()
    if DEMO not in names:
        return not names and not found.sweep(DEMO).is_running
    folder = found.sweep(DEMO)
    return not folder.is_running and not folder.manifest().is_complete


def start_demo_soon(root: str | Path, delay: float) -> None:
    """Start the demo sweep where it is wanted, ``delay`` seconds from now: the page comes first."""
    timer = threading.Timer(delay, _start_demo_if_wanted, [root])
    timer.daemon = True
    _waiting.append(timer)
    timer.start()


def _start_demo_if_wanted(root: str | Path) -> None:
    try:
        if is_demo_wanted(root):
            start_demo(root)
    except LetheError as error:
        # The page of that sweep tells the same; the app is of use without the demo.
        print(f"the demo sweep was not started: {error}", file=sys.stderr)
    finally:
        _waiting.clear()


def stop_all(patience: float = 10.0) -> None:
    """End whatever was started, and wait for it: the server ends."""
    for timer in list(_waiting):
        timer.cancel()
        timer.join(patience)
    _waiting.clear()
    for place in (_estimating, _running):
        place.forget()


def _log(place: Location, name: str) -> Path:
    """Return the file a sweep writes to: ``.logs/`` of a cache here, which no sweep can be called.

    Of a cache on another machine, or one that refuses, a folder of this process keeps it.
    """
    if not isinstance(place, RemotePath):
        folder = place / LOGS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / f"{name}.log"
            # A link in a cache from elsewhere must not choose which file is written over.
            if folder.is_symlink() or log.is_symlink():
                return own_folder() / f"{name}.log"
            log.touch()
        except OSError:
            return own_folder() / f"{name}.log"
        return log
    return own_folder() / f"{name}.log"
