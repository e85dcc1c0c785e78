"""Rename a sweep, build a new one, and publish files that were written aside, all or none."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.errors import UserError
from analysis.filesystem import Location, RemotePath
from analysis.filesystem.atomic import child_names, remove_tree, replacing, sizes
from analysis.filesystem.connection import is_object_store
from analysis.filesystem.copies import working_folder
from analysis.filesystem.lock import LEASE, LOCK
from analysis.store.annotations import FOLDER as ANNOTATIONS
from analysis.store.manifest import Manifest
from analysis.store.sweep_folder import MANIFEST, PREDICTIONS, SweepFolder


def rename(source: SweepFolder, target: SweepFolder) -> None:
    """Give a sweep's folder another name, in its manifest too.

    An object store has no folders to rename: there the files are copied, the manifest last, and
    only then are the old ones deleted.

    Raises
    ------
    UserError
        The new name is taken, or another process is writing to the sweep.
    """
    if isinstance(source.path, RemotePath) and is_object_store(source.path.url):
        with source.locked(), building(target):
            copy_files(source, target, [n for n in source.sizes() if n not in (MANIFEST, LEASE)])
            manifest = source.manifest()
            manifest.name = target.name
            target.write_manifest(manifest)
            (source.path / MANIFEST).unlink()
        source.path.remove_tree()
        return
    _check_free(target)
    with source.locked():
        manifest = source.manifest()
    _rename_folder(source.path, target.path)
    manifest.name = target.name
    target.write_manifest(manifest)


@contextmanager
def building(target: SweepFolder) -> Iterator[SweepFolder]:
    """Give a folder to put a new sweep into, its manifest last; nothing is left of a failure.

    Raises
    ------
    UserError
        The name is taken.
    """
    _check_free(target)
    if isinstance(target.path, RemotePath):
        with target.locked():
            for name in target.sizes().keys() - {LEASE}:
                (target.path / name).unlink()
            try:
                yield target
            except BaseException:
                target.path.remove_tree()
                raise
        return
    aside = target.path.with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        yield SweepFolder(aside)
        os.replace(aside, target.path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def copy_files(source: SweepFolder, target: SweepFolder, names: Iterable[str]) -> None:
    """Copy files from one sweep of a cache to another.

    Raises
    ------
    UserError
        One is missing.
    """
    for name in names:
        try:
            _copy(source.path / name, target.path / name)
        except FileNotFoundError:
            raise UserError(
                f"{source.path / name} is missing; 'python -m analysis verify {source.name}' "
                "lists what is wrong"
            ) from None


def _copy(source: Location, target: Location) -> None:
    match source, target:
        case RemotePath(), RemotePath():
            source.copy_to(target)
        case Path(), Path():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _rename_folder(source: Location, target: Location) -> None:
    match source, target:
        case RemotePath(), RemotePath():
            source.move_folder_to(target)
        case Path(), Path():
            os.replace(source, target)


def _check_free(target: SweepFolder) -> None:
    """See that nothing has the name, besides what a copying that was killed has left."""
    if isinstance(target.path, RemotePath):
        there = child_names(target.path)
        is_taken = bool(there) and (MANIFEST in there or LEASE not in there)
    else:
        is_taken = target.path.exists()
    if is_taken:
        raise UserError(
            f"'{target.name}' is there already in {target.path.parent}; choose another name"
        )


def remove(sweep: SweepFolder) -> Location | None:
    """Delete a sweep: its manifest first, so that nobody takes the rest for a sweep.

    What people annotated cannot be made again: it stays where it is, for a sweep of the same name
    and images. Return its folder, None where there is none.
    """
    with sweep.locked():
        if isinstance(sweep.path, RemotePath):
            (sweep.path / MANIFEST).unlink()
    if not sweep.annotations.names():
        remove_tree(sweep.path)
        return None
    for name in sorted(child_names(sweep.path), key=lambda name: name != MANIFEST):
        if name != ANNOTATIONS:
            _remove(sweep.path / name)
    return sweep.annotations.path


def _remove(path: Location) -> None:
    if path.is_dir():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


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


def work_file(made: SweepFolder, name: str = "") -> Path:
    """Return where what is needed meanwhile may lie, beside the files that are made."""
    return Path(str(made.path)) / f"{_WORK}{name}"


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
    return sorted(n for n in sizes(made.path) if n != MANIFEST and not n.startswith(_WORK))


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
