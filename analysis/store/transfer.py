"""Rename, build and remove a sweep, and publish files that were written aside, all or none."""

import functools
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.errors import RunError, UserError
from analysis.filesystem import Location, RemotePath
from analysis.filesystem.atomic import child_names, exists, flush, flush_folder, remove_tree
from analysis.filesystem.connection import TEMPORARY, is_object_store
from analysis.filesystem.copies import working_folder
from analysis.filesystem.lock import LEASE, LOCK, held, is_held
from analysis.store import publishing
from analysis.store.annotations import FOLDER as ANNOTATIONS
from analysis.store.manifest import Manifest
from analysis.store.publishing import MANIFEST, Note
from analysis.store.sweep_folder import PREDICTIONS, SweepFolder


def rename(source: SweepFolder, target: SweepFolder) -> None:
    """Give a sweep's folder another name, and its manifest after it.

    A sweep is called what its folder is called, so that the folder's new name is all that readers
    wait for. An object store has no folders to rename: there the files are copied, the manifest
    last, and only then are the old ones removed.

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
            publishing.take_away(source.path)
        source.path.remove_tree()
        return
    _check_free(target)
    with source.locked():
        pass  # what was cut off in it is finished
    _rename_folder(source.path, target.path)
    with target.locked():
        pass  # its manifest is called what its folder is


def finish_rename(source: SweepFolder, target: SweepFolder) -> bool:
    """Finish a renaming that was cut off after the sweep had its new name; say whether it was."""
    if not target.exists:
        return False
    if not source.exists:
        if publishing.is_removed(source.path):
            with source.locked():
                pass
        elif not target.was_called(source.name):
            return False
        with target.locked():
            pass
        remove_empty(source)
        return True
    if not isinstance(source.path, RemotePath) or not _is_copy(source, target):
        return False
    with source.locked():
        publishing.take_away(source.path)
    source.path.remove_tree()
    return True


def _is_copy(source: SweepFolder, target: SweepFolder) -> bool:
    ours, theirs = source.manifest(), target.manifest()
    theirs.name, theirs.updated = ours.name, ours.updated
    return ours.to_json() == theirs.to_json()


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
    _remove_cut_off(target.path)
    aside = target.path.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
    try:
        with held(aside):
            yield SweepFolder(aside)
        _check_free(target)
        os.replace(aside, target.path)
        flush_folder(target.path.parent)
    except OSError as error:
        raise RunError(f"{target.path} could not be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _remove_cut_off(target: Path) -> None:
    """Remove what processes that were killed have built for the same name."""
    for name in child_names(target.parent):
        if name.startswith(TEMPORARY) and name.partition("-")[2].partition("-")[2] == target.name:
            aside = target.parent / name
            if not is_held(aside):
                remove_tree(aside, missing_ok=True)


def copy_files(source: SweepFolder, target: SweepFolder, names: Iterable[str]) -> None:
    """Copy files from one sweep of a cache to another.

    Raises
    ------
    UserError
        One is missing.
    RunError
        One cannot be read, or the disk refused it.
    """
    for name in names:
        try:
            copy = functools.partial(_copy, target=target.path / name)
            publishing.reading(source.path, source.path / name, copy)
        except FileNotFoundError:
            raise UserError(
                f"{source.path / name} is missing; 'python -m analysis verify {source.name}' "
                "lists what is wrong"
            ) from None
        except OSError as error:
            raise RunError(
                f"{source.path / name} could not be copied: {error.strerror or error}"
            ) from error


def _copy(source: Location, target: Location) -> None:
    match source, target:
        case RemotePath(), RemotePath():
            source.copy_to(target)
        case Path(), Path():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            flush(target)


def _rename_folder(source: Location, target: Location) -> None:
    match source, target:
        case RemotePath(), RemotePath():
            source.move_folder_to(target)
        case Path(), Path():
            try:
                os.replace(source, target)
                flush_folder(target.parent)
            except OSError as error:
                raise RunError(
                    f"{source} could not be renamed: {error.strerror or error}"
                ) from error


def _check_free(target: SweepFolder) -> None:
    """See that nothing has the name, besides what a copying that was killed has left."""
    if isinstance(target.path, RemotePath):
        there = child_names(target.path)
        is_taken = bool(there) and (target.exists or LEASE not in there)
    else:
        is_taken = exists(target.path)
    if is_taken:
        raise UserError(
            f"'{target.name}' is there already in {target.path.parent}; choose another name"
        )


def remove(sweep: SweepFolder) -> Location | None:
    """Delete a sweep: its manifest first, so that nobody takes the rest for a sweep.

    What people annotated cannot be made again: it stays where it is, for a sweep of the same name
    and images. Return its folder, None where there is none.
    """
    try:
        with sweep.locked():
            if sweep.exists:
                publishing.take_away(sweep.path)
    except OSError as error:
        raise RunError(f"{sweep.path} could not be removed: {error}") from error
    remove_empty(sweep)
    return sweep.annotations.path if sweep.annotations.names() else None


@contextmanager
def aside(folder: SweepFolder) -> Iterator[SweepFolder]:
    """Give a folder of this machine to make files of a sweep in; it is removed at the end.

    What a failure has left half-published stays there: whoever next writes to the sweep does the
    rest.
    """
    if isinstance(folder.path, RemotePath):
        with working_folder() as here:
            yield SweepFolder(here / folder.name)
        return
    publishing.clear(folder.path)
    try:
        yield SweepFolder(folder.path / publishing.FOLDER)
    finally:
        if not publishing.is_committed(folder.path):
            publishing.clear(folder.path)


def work_file(made: SweepFolder, name: str = "") -> Path:
    """Return where what is needed meanwhile may lie, beside the files that are made."""
    return Path(str(made.path)) / f"{TEMPORARY}work{name}"


def publish(
    made: SweepFolder, folder: SweepFolder, manifest: Manifest, note: Note | None = None
) -> None:
    """Put what was made aside into its sweep, in one step for readers. Lock the sweep before.

    Parameters
    ----------
    note : dict, optional
        What the one who finishes after a kill is to know.
    """
    folder.stamp_manifest(manifest)
    publishing.commit(folder.path, Path(str(made.path)), manifest.to_json(), note or {})


def is_headless(folder: SweepFolder) -> bool:
    """Whether predictions lie there without a manifest that says of what."""
    return (
        not folder.exists
        and PREDICTIONS in child_names(folder.path)
        and not publishing.is_removed(folder.path)
    )


def remove_empty(folder: SweepFolder) -> None:
    """Remove what locking a sweep has made that never came to be; what else lies there stays."""
    if isinstance(folder.path, RemotePath) or folder.exists:
        return
    if set(child_names(folder.path)) - {LOCK, ANNOTATIONS}:
        return
    with suppress(OSError):
        (folder.path / LOCK).unlink(missing_ok=True)
        folder.path.rmdir()
