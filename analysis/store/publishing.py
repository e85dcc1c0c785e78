"""Several files of a sweep replaced, or all of them removed, in one step for whoever reads.

New files are written into ``.publishing`` of the sweep, by the names they will have, and the
manifest last: from then on it is the sweep's, and a file that lies there stands for the one of the
same name outside. Then every file is moved to its place, the manifest last. A process that is
killed on the way leaves the sweep as it was or as it will be; whoever next writes to it moves what
is left, and who may only read reads the files where they are.

A sweep is removed by its manifest, beside a note that says so; the next writer removes the rest.
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
    """Whether files are published that are not all at their places yet."""
    return is_file(sweep / FOLDER / MANIFEST)


def exists(sweep: Location) -> bool:
    """Whether a sweep is there: it has a manifest."""
    return is_file(sweep / MANIFEST) or is_committed(sweep)


def is_cut_off(sweep: Location) -> bool:
    """Whether a process was killed while it published files of a sweep, or removed it."""
    return is_committed(sweep) or is_removed(sweep)


def is_removed(sweep: Location) -> bool:
    """Whether a sweep was removed, and some of its files are still there."""
    return is_file(sweep / REMOVED) and not exists(sweep)


def current(sweep: Location, path: Location) -> Location:
    """Return where the present content of one of a sweep's files lies."""
    if is_committed(sweep):
        beside = sweep / FOLDER / relative(path, sweep)
        if is_file(beside):
            return beside
    return path


def reading(sweep: Location, path: Location, read: Callable[[Location], T]) -> T:
    """Read one of a sweep's files where it lies, also while it is being moved to its place.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    place = current(sweep, path)
    if place == path:
        return read(path)
    try:
        return read(place)
    except FileNotFoundError:
        return read(path)


def read_manifest(sweep: Location) -> str:
    """Return the text of the manifest that counts.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    try:
        return (sweep / FOLDER / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return (sweep / MANIFEST).read_text(encoding="utf-8")


def manifest_path(sweep: Location) -> Location:
    """Return where the manifest that counts lies."""
    return sweep / FOLDER / MANIFEST if is_committed(sweep) else sweep / MANIFEST


def all_sizes(sweep: Location) -> dict[str, int]:
    """Bytes of every file of a sweep by its name, those on their way as if they had arrived."""
    there = sizes(sweep)
    start = f"{FOLDER}/"
    found = {name: size for name, size in there.items() if not name.startswith(start)}
    if f"{start}{MANIFEST}" in there:
        found |= {name.removeprefix(start): there[start + name] for name in _published(there)}
    return found


def _published(there: dict[str, int]) -> list[str]:
    """Names of the files that are to be moved, without the manifest."""
    names = (name.removeprefix(f"{FOLDER}/") for name in there if name.startswith(f"{FOLDER}/"))
    others = (MANIFEST, _NOTE)
    return sorted(name for name in names if name not in others and not name.startswith(TEMPORARY))


def commit(sweep: Location, made: Path, manifest: str, note: Note) -> None:
    """Publish files that were made in a folder, then move them. Lock the sweep before."""
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
    """See on the disk what is to be published, before the manifest that says so is there."""
    names = [name for name in sizes(place) if not name.startswith(TEMPORARY)]
    for name in names:
        flush(place / name)
    _flush_folders(place, names)


def _flush_folders(top: Location, names: Iterable[str]) -> None:
    """See on the disk which files lie in the folders below one, and in itself."""
    if isinstance(top, Path):
        for folder in {above for name in names for above in (top / name).parents} | {top}:
            if folder.is_relative_to(top):
                flush_folder(folder)


def _write(path: Location, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def finish(sweep: Location) -> Note | None:
    """Finish what a process was killed in; say what was published so. Lock the sweep before."""
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
    (sweep / REMOVED).unlink(missing_ok=True)  # beside a manifest: it was not to be, after all
    clear(sweep)
    return note


def _read_note(sweep: Location) -> Note:
    try:
        found = json.loads((sweep / FOLDER / _NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def clear(sweep: Location) -> None:
    """Remove what was made to be published and never was, or is at its place by now."""
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
        # The folder is a link to another disk: a file appears there whole in two steps.
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
        source.unlink()


def take_away(sweep: Location) -> None:
    """Remove a sweep: its manifest first, then the rest. Lock it before."""
    _write(sweep / REMOVED, "This sweep was removed; its files may be deleted.\n")
    (sweep / FOLDER / MANIFEST).unlink(missing_ok=True)
    (sweep / MANIFEST).unlink(missing_ok=True)
    _flush_folders(sweep, ())
    discard(sweep)


def discard(sweep: Location) -> None:
    """Delete the files of a removed sweep; what people answered stays, and so does the folder."""
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
