"""Replace several files of a sweep, or remove all, in one step for readers.

New files are written to ``.publishing`` in the sweep under their final names, the manifest last:
from then on it is the sweep's manifest, and files there replace those of the same name outside.
Then every file is moved to its place, the manifest last. A process killed on the way leaves the
sweep in its old or its new state; the next writer moves the remaining files, and readers read them
where they are.

Removing a sweep deletes its manifest and leaves a note; the next writer removes the rest.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from analysis.filesystem import Location, RemotePath
from analysis.filesystem.atomic import (
    child_names,
    flush,
    flush_folder,
    is_dir,
    is_file,
    relative,
    remove_tree,
    replacing,
    sizes,
)
from analysis.filesystem.connection import TEMPORARY
from analysis.filesystem.lock import LEASE, LOCK
from analysis.store.annotations import FOLDER as ANNOTATIONS
from analysis.store.annotations import Annotations

MANIFEST = "manifest.json"
FOLDER = ".publishing"
_NOTE = "published.json"
REMOVED = ".removed"
Note = dict[str, Any]
T = TypeVar("T")


def is_committed(sweep: Location) -> bool:
    """Return whether published files are not yet moved to their places."""
    return is_file(sweep / FOLDER / MANIFEST)


def exists(sweep: Location) -> bool:
    """Return whether a sweep exists, that is has a manifest."""
    return is_file(sweep / MANIFEST) or is_committed(sweep)


def is_cut_off(sweep: Location) -> bool:
    """Return whether publishing or removing a sweep was interrupted."""
    return is_committed(sweep) or is_removed(sweep)


def is_removed(sweep: Location) -> bool:
    """Return whether a sweep was removed but files of it remain."""
    return is_file(sweep / REMOVED) and not exists(sweep)


def current(sweep: Location, path: Location) -> Location:
    """Return the current path of a sweep's file."""
    if is_committed(sweep):
        published = sweep / FOLDER / relative(path, sweep)
        if is_file(published):
            return published
    return path


def reading(sweep: Location, path: Location, read: Callable[[Location], T]) -> T:
    """Read a sweep's file, also while it is being moved to its place.

    Raises
    ------
    FileNotFoundError
        The file does not exist.
    """
    place = current(sweep, path)
    if place == path:
        return read(path)
    try:
        return read(place)
    except FileNotFoundError:
        return read(path)


def read_manifest(sweep: Location) -> str:
    """Return the text of the current manifest.

    Raises
    ------
    FileNotFoundError
        There is no manifest.
    """
    try:
        return (sweep / FOLDER / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return (sweep / MANIFEST).read_text(encoding="utf-8")


def manifest_path(sweep: Location) -> Location:
    """Return the path of the current manifest."""
    return sweep / FOLDER / MANIFEST if is_committed(sweep) else sweep / MANIFEST


def all_sizes(sweep: Location) -> dict[str, int]:
    """Return the bytes of every file of a sweep, with published files at their final names."""
    raw = sizes(sweep)
    start = f"{FOLDER}/"
    found = {name: size for name, size in raw.items() if not name.startswith(start)}
    if f"{start}{MANIFEST}" in raw:
        found |= {name.removeprefix(start): raw[start + name] for name in _published(raw)}
    return found


def _published(raw: dict[str, int]) -> list[str]:
    """Return the names of the files to move, without the manifest."""
    names = (name.removeprefix(f"{FOLDER}/") for name in raw if name.startswith(f"{FOLDER}/"))
    others = (MANIFEST, _NOTE)
    return sorted(name for name in names if name not in others and not name.startswith(TEMPORARY))


def commit(sweep: Location, made: Path, manifest: str, note: Note) -> None:
    """Publish the files prepared in a folder. The sweep must be locked."""
    place = sweep / FOLDER
    if isinstance(place, Path):
        _flush_all(place)
    else:
        place.remove_tree()
        for name in sizes(made):
            if not name.startswith(TEMPORARY):
                (place / name).upload(made / name)
    _write(place / _NOTE, json.dumps(note))
    _write(place / MANIFEST, manifest)
    finish(sweep)


def _flush_all(place: Path) -> None:
    """Flush the files to publish to disk, before their manifest exists."""
    names = [name for name in sizes(place) if not name.startswith(TEMPORARY)]
    for name in names:
        flush(place / name)
    _flush_folders(place, names)


def _flush_folders(top: Location, names: Iterable[str]) -> None:
    """Flush a folder and those below it that hold the files."""
    if isinstance(top, Path):
        for folder in {above for name in names for above in (top / name).parents} | {top}:
            if folder.is_relative_to(top):
                flush_folder(folder)


def _write(path: Location, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def finish(sweep: Location) -> Note | None:
    """Finish an interrupted change; return its note. The sweep must be locked."""
    note = None
    if is_committed(sweep):
        note = _read_note(sweep)
        names = _published(sizes(sweep))
        for name in names:
            _move(sweep / FOLDER / name, sweep / name)
        _flush_folders(sweep, names)
        _move(sweep / FOLDER / MANIFEST, sweep / MANIFEST)
        _flush_folders(sweep, ())
    elif is_removed(sweep):
        discard(sweep)
    (sweep / REMOVED).unlink(missing_ok=True)  # beside a manifest it does not count
    clear(sweep)
    return note


def _read_note(sweep: Location) -> Note:
    try:
        found = json.loads((sweep / FOLDER / _NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def clear(sweep: Location) -> None:
    """Remove leftovers in the publishing folder."""
    remove_tree(sweep / FOLDER, missing_ok=True)


def _move(source: Location, target: Location) -> None:
    if isinstance(source, RemotePath) and isinstance(target, RemotePath):
        source.copy_to(target)
        source.unlink(missing_ok=True)
        return
    assert isinstance(source, Path)
    assert isinstance(target, Path)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The folder links to another disk: copy, then replace atomically.
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
        source.unlink()


def take_away(sweep: Location) -> None:
    """Remove a sweep, its manifest first. The sweep must be locked."""
    _write(sweep / REMOVED, "This sweep was removed; its files may be deleted.\n")
    (sweep / FOLDER / MANIFEST).unlink(missing_ok=True)
    (sweep / MANIFEST).unlink(missing_ok=True)
    _flush_folders(sweep, ())
    discard(sweep)


def discard(sweep: Location) -> None:
    """Delete the files of a removed sweep except annotations."""
    for name in child_names(sweep):
        if name not in (ANNOTATIONS, REMOVED, LOCK, LEASE):
            _remove(sweep / name)
    Annotations(sweep).remove_if_empty()
    (sweep / REMOVED).unlink(missing_ok=True)


def _remove(path: Location) -> None:
    if isinstance(path, Path) and (path.is_symlink() or not is_dir(path)):
        path.unlink(missing_ok=True)
    elif is_dir(path):
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)
