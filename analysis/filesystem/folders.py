"""Write a folder of files atomically: made aside, flushed, then put in place in one step.

An existing folder is exchanged with the new one, which Linux and macOS do in one step; across
disks, or among other files, the files are moved one by one and moved back on failure.
"""

import ctypes
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import RunError
from analysis.filesystem.atomic import exists, flush, flush_folder, is_dir, sizes
from analysis.filesystem.connection import TEMPORARY
from analysis.filesystem.processes import is_alive

_OLD = ".old"


@contextmanager
def filled(out: Path, *, own: Collection[str] = (), last: str | None = None) -> Iterator[Path]:
    """Yield a folder to write to; its files are put into ``out`` at the end.

    Parameters
    ----------
    out : Path
        The folder, new or existing. Its files that are not ``own`` stay.
    own : collection of str
        Earlier files in it, which are replaced or removed.
    last : str, optional
        The index of the other files: it is removed first and added last.

    Raises
    ------
    RunError
        Writing failed; the earlier files are unchanged.
    """
    try:
        real = out.resolve()
        _remove_cut_off(real)
        aside = _working_parent(real) / f"{TEMPORARY}{os.getpid()}-{real.name}"
        try:
            aside.mkdir()
            yield aside
            for name in sizes(aside):
                flush(aside / name)
            flush_folder(aside)
            _put(aside, real, own, last)
            flush_folder(real)
            flush_folder(real.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise RunError(f"{out} could not be written: {error.strerror or error}") from error


def _working_parent(real: Path) -> Path:
    """Return a folder on the same disk to work in: a mount point itself, else the parent."""
    if is_dir(real) and real.stat().st_dev != real.parent.stat().st_dev:
        return real
    return real.parent


def _remove_cut_off(real: Path) -> None:
    """Remove the work of killed processes on the same folder."""
    for parent in {real.parent, _working_parent(real)}:
        for path in parent.glob(f"{TEMPORARY}*-*"):
            pid, _, name = path.name.removeprefix(TEMPORARY).partition("-")
            if name == real.name and pid.isdigit() and not is_alive(int(pid)):
                shutil.rmtree(path, ignore_errors=True)


def _put(aside: Path, real: Path, own: Collection[str], last: str | None) -> None:
    if not exists(real):
        os.replace(aside, real)
        return
    others = {path.name for path in real.iterdir()} - {*own, aside.name}
    if not others and aside.parent != real and _exchange(aside, real):
        return
    names = sorted((path.name for path in aside.iterdir()), key=lambda name: name == last)
    old = aside / _OLD
    old.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for name in sorted({*own, *names}, key=lambda name: name != last):
            if os.path.lexists(real / name):
                moved.append((real / name, old / name))
                os.replace(real / name, old / name)
        for name in names:
            moved.append((aside / name, real / name))
            os.replace(aside / name, real / name)
    except OSError:
        for source, target in reversed(moved):
            if os.path.lexists(target):
                os.replace(target, source)
        raise


_FROM_HERE = -100  # AT_FDCWD
_SWAP = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return False if that is not supported."""
    paths = os.fsencode(one), os.fsencode(other)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*paths, _SWAP) == 0)
        return bool(library.renameat2(_FROM_HERE, paths[0], _FROM_HERE, paths[1], _SWAP) == 0)
    except (OSError, AttributeError, TypeError):
        return False
