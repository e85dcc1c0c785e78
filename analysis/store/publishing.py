"""Files made aside and put into a sweep all at once: all of them are there, or none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.filesystem import RemotePath
from analysis.filesystem.atomic import child_names, remove_tree, replacing, sizes
from analysis.filesystem.copies import working_folder
from analysis.filesystem.lock import LOCK
from analysis.manifest import Manifest
from analysis.store.sweep_folder import MANIFEST, PREDICTIONS, SweepFolder

_ASIDE = "publishing"
_WORK = "work"


@contextmanager
def aside(folder: SweepFolder) -> Iterator[SweepFolder]:
    """Give a folder of this machine to make files of a sweep in; it is removed at the end.

    What a failure has left half-published stays there: ``finish`` does the rest.
    """
    if isinstance(folder.path, RemotePath):
        with working_folder() as here:
            yield SweepFolder(here / folder.name)
        return
    place = folder.derived / _ASIDE
    remove_tree(place, missing_ok=True)
    try:
        yield SweepFolder(place)
    finally:
        if not is_cut_off(folder):
            _clear(folder)


def _clear(folder: SweepFolder) -> None:
    remove_tree(folder.derived / _ASIDE, missing_ok=True)
    with suppress(OSError):
        Path(str(folder.derived)).rmdir()  # where nothing else lies in it


def work_file(made: SweepFolder) -> Path:
    """Return where what is needed meanwhile may lie, beside the files that are made."""
    return Path(str(made.path)) / _WORK


def publish(made: SweepFolder, folder: SweepFolder, manifest: Manifest) -> None:
    """Put what was made aside into its sweep. Call it while the sweep is locked.

    From the moment the manifest is written aside a killed process loses nothing: ``finish`` does
    the rest. On another machine the files go first and the manifest last.
    """
    if isinstance(folder.path, RemotePath):
        for name in _made(made):
            with replacing(folder.path / name) as temporary:
                shutil.copyfile(Path(str(made.path)) / name, temporary)
        folder.write_manifest(manifest)
        return
    made.write_manifest(manifest)
    _move(made, folder)


def finish(folder: SweepFolder) -> bool:
    """Finish what was killed while it was published; say whether it was. Lock the sweep before."""
    if not is_cut_off(folder):
        return False
    _move(SweepFolder(folder.derived / _ASIDE), folder)
    _clear(folder)
    return True


def is_cut_off(folder: SweepFolder) -> bool:
    """Whether a process was killed while it published files of the sweep."""
    return isinstance(folder.path, Path) and (folder.derived / _ASIDE / MANIFEST).is_file()


def _made(made: SweepFolder) -> list[str]:
    return sorted(sizes(made.path).keys() - {MANIFEST, _WORK})


def _move(made: SweepFolder, folder: SweepFolder) -> None:
    manifest = made.manifest()
    for name in _made(made):
        target = Path(str(folder.path)) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(Path(str(made.path)) / name, target)
    folder.write_manifest(manifest)
    (Path(str(made.path)) / MANIFEST).unlink()


def is_headless(folder: SweepFolder) -> bool:
    """Whether predictions lie there without a manifest that says of what."""
    return not folder.exists and PREDICTIONS in child_names(folder.path)


def remove_empty(folder: SweepFolder) -> None:
    """Remove what locking a sweep has made that never came to be; what else lies there stays."""
    if isinstance(folder.path, RemotePath) or folder.exists:
        return
    if set(child_names(folder.path)) - {LOCK}:
        return
    with suppress(OSError):
        (folder.path / LOCK).unlink(missing_ok=True)
        folder.path.rmdir()
