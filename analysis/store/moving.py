"""Giving a sweep another name, and building a new one: there whole or not at all."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import UserError
from analysis.filesystem import Location, RemotePath
from analysis.filesystem.atomic import child_names, remove_tree
from analysis.filesystem.connection import is_object_store
from analysis.filesystem.lock import LEASE
from analysis.store.annotations import FOLDER as ANNOTATIONS
from analysis.store.sweep_folder import MANIFEST, SweepFolder


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
