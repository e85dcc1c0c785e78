"""The folder of sweeps: find, rename, build and remove sweeps, and publish prepared files."""

import functools
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.config import check_sweep_name, is_sweep_name
from analysis.errors import RunError, UserError
from analysis.filesystem import Location, RemotePath, location
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
    """Rename a sweep's folder and its manifest.

    A sweep's name is that of its folder, so readers need only the folder's new name. In an object
    store, which cannot rename folders, the files are copied, the manifest last, and then removed.

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
        pass  # finishes interrupted changes
    _rename_folder(source.path, target.path)
    with target.locked():
        pass  # updates the manifest's name


def finish_rename(source: SweepFolder, target: SweepFolder) -> bool:
    """Finish a renaming that was interrupted late; return whether there was one."""
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
    """Yield a folder for building a new sweep, its manifest last; remove it on failure.

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
    """Remove folders that killed processes were building for the same name."""
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
        A file is missing.
    RunError
        A file cannot be read or written.
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
    """Check that a name is free, apart from leftovers of a killed copy."""
    if isinstance(target.path, RemotePath):
        names = child_names(target.path)
        is_taken = bool(names) and (target.exists or LEASE not in names)
    else:
        is_taken = exists(target.path)
    if is_taken:
        raise UserError(
            f"'{target.name}' exists already in {target.path.parent}; choose another name"
        )


def remove(sweep: SweepFolder) -> Location | None:
    """Delete a sweep, its manifest first; return the folder of its annotations, None without.

    Annotations cannot be remade: they stay for a sweep of the same name and images.
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
    """Yield a temporary local folder for preparing files of a sweep.

    After a failure, partly published files stay for the next writer to finish.
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
    """Return the path of a temporary work file beside the prepared files."""
    return Path(str(made.path)) / f"{TEMPORARY}work{name}"


def publish(
    made: SweepFolder, folder: SweepFolder, manifest: Manifest, note: Note | None = None
) -> None:
    """Publish prepared files to their sweep in one step. The sweep must be locked.

    Parameters
    ----------
    note : dict, optional
        Information for the process that finishes an interrupted publication.
    """
    folder.stamp_manifest(manifest)
    publishing.commit(folder.path, Path(str(made.path)), manifest.to_json(), note or {})


def is_headless(folder: SweepFolder) -> bool:
    """Return whether a folder has predictions without a manifest."""
    return (
        not folder.exists
        and PREDICTIONS in child_names(folder.path)
        and not publishing.is_removed(folder.path)
    )


def remove_empty(folder: SweepFolder) -> None:
    """Remove the folder of a sweep without manifest if locking alone created it."""
    if isinstance(folder.path, RemotePath) or folder.exists:
        return
    if set(child_names(folder.path)) - {LOCK, ANNOTATIONS}:
        return
    with suppress(OSError):
        (folder.path / LOCK).unlink(missing_ok=True)
        folder.path.rmdir()


class Cache:
    """The folder of sweeps, a path or an fsspec URL."""

    def __init__(self, root: str | Location) -> None:
        self.root = location(root)

    def sweep(self, name: str) -> SweepFolder:
        """Return a sweep's folder, which need not exist."""
        return SweepFolder(self.root / check_sweep_name(name))

    def existing(self, name: str) -> SweepFolder:
        """Return the folder of a sweep that must exist.

        Raises
        ------
        UserError
            There is no such sweep; the message lists the existing ones.
        """
        sweep = self.sweep(name)
        if not sweep.exists:
            known = ", ".join(self.names()) or "none yet; 'python -m analysis demo' makes one"
            raise UserError(f"no sweep '{name}' in {self.root}; it has: {known}")
        return sweep

    def names(self) -> list[str]:
        """Return the sorted names of the sweeps; folders with other names do not count."""
        return [name for name in self._folders() if self._is_sweep(name)]

    def _is_sweep(self, name: str) -> bool:
        try:
            return self.sweep(name).exists
        except RunError:
            return True  # unknown: opening it raises the error, and the list stays available

    def headless(self) -> list[str]:
        """Return the sorted names of folders with predictions but no manifest."""
        others = set(self._folders()) - set(self.names())
        return [name for name in sorted(others) if is_headless(self.sweep(name))]

    def _folders(self) -> list[str]:
        return [name for name in child_names(self.root) if is_sweep_name(name)]

    def rename(self, old: str, new: str) -> None:
        """Rename a sweep."""
        if not finish_rename(self.sweep(old), self.sweep(new)):
            rename(self.existing(old), self.sweep(new))

    def remove(self, name: str) -> Location | None:
        """Delete a sweep's files except its annotations; return their folder."""
        sweep = self.sweep(name)
        is_cut_off = publishing.is_removed(sweep.path)
        return remove(sweep if is_cut_off else self.existing(name))
