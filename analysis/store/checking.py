"""Check the files of a sweep against its manifest: each on first reading, all on ``verify``.

Local files are identified by path, size, modification time and inode. Large ones are hashed in the
background and count as valid until then. Of remote files only the size is compared, since hashing
would download them; ``verify`` does that.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from analysis.errors import CacheError, DamageError, RunError
from analysis.filesystem import Location, atomic
from analysis.filesystem.atomic import links_out, sizes
from analysis.filesystem.connection import TEMPORARY
from analysis.store import publishing
from analysis.store.manifest import FileRecord, Manifest

LARGE = 64 * 2**20
_TRIES = 3
_Identity = tuple[str, int, int, int]
T = TypeVar("T")

_turn = threading.Lock()
_one_large = threading.Lock()
_known: dict[str, tuple[_Identity, "Future[str]"]] = {}
_owed: dict[str, tuple[str, str, "Future[str]"]] = {}


def _identity(path: Path) -> _Identity:
    status = os.stat(path)
    return (f"{path}", status.st_size, status.st_mtime_ns, status.st_ino)


def _hashing(path: Path) -> "Future[str]":
    """Hash a new file now, or in the background if it is large."""
    identity = _identity(path)
    with _turn:
        before = _known.get(identity[0])
        if before is not None and before[0] == identity:
            return before[1]
        future: Future[str] = Future()
        _known[identity[0]] = (identity, future)
    if identity[1] > LARGE:
        threading.Thread(target=_hash_alone, args=(path, future), daemon=True).start()
    else:
        _hash(path, future)
    return future


def _hash_alone(path: Path, future: "Future[str]") -> None:
    with _one_large:
        _hash(path, future)


def _hash(path: Path, future: "Future[str]") -> None:
    try:
        future.set_result(atomic.sha256(path))
    except BaseException as error:
        with _turn:
            if (known := _known.get(f"{path}")) is not None and known[1] is future:
                del _known[f"{path}"]
        future.set_exception(error)


def _is_unhashed(path: Location) -> bool:
    with _turn:
        known = _known.get(f"{path}")
    return known is not None and not known[1].done()


def finish() -> None:
    """Wait until all large files opened in this process are hashed.

    Raises
    ------
    DamageError
        A file has changed since it was written.
    """
    while _owed:
        path, (sha256, sweep, future) = _owed.popitem()
        if future.exception() is None and future.result() != sha256:
            raise _damaged(path, sweep)


def _damaged(path: Location | str, sweep: str) -> DamageError:
    return DamageError(
        f"{path} is damaged: it has changed since it was written; 'lethe verify {sweep}' lists "
        "what is wrong, and starting the sweep again makes the missing runs"
    )


class Guard:
    """Reads a sweep's files after checking them against the manifest.

    Parameters
    ----------
    sweep : Location
        The sweep's folder.
    read : callable
        Reads the current manifest.
    held : Manifest, optional
        The manifest to check against; the newest one by default.
    """

    def __init__(
        self, sweep: Location, read: Callable[[], Manifest], held: Manifest | None = None
    ) -> None:
        self._sweep, self._read, self._held = sweep, read, held
        self._newest: tuple[str, dict[str, FileRecord]] = ("", {})
        self._opened: dict[str, str] = {}
        self._large: set[str] = set()

    def reading(self, paths: Sequence[Location], read: Callable[[list[Location]], T]) -> T:
        """Check files against the manifest, and read them unless they change meanwhile.

        Raises
        ------
        DamageError
            A file is missing or has changed since it was written.
        RunError
            The files were rewritten meanwhile.
        """
        for _ in range(_TRIES):
            locations = self._checked(paths)
            before = self._states(locations)
            try:
                found = read(locations)
            except DamageError:
                if self._states(locations) == before:
                    raise
                continue
            if self._states(locations) == before:
                return found
        raise self._changed()

    def location_of(self, path: Location) -> Location:
        """Return the current path of a file after checking it against the manifest."""
        return self._checked([path])[0]

    def unhashed(self) -> list[str]:
        """Return the sorted names of opened large files that are still being hashed.

        Raises
        ------
        DamageError
            One of them has changed since it was written.
        """
        locations = {name: self._check(self._sweep / name) for name in sorted(self._large)}
        return [name for name, location in locations.items() if _is_unhashed(location)]

    def _checked(self, paths: Sequence[Location]) -> list[Location]:
        if len(paths) < 2:
            return [self._check(path) for path in paths]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self._check, paths))

    def _check(self, path: Location) -> Location:
        relative = atomic.relative(path, self._sweep)
        location = publishing.current(self._sweep, path)
        record = self._record(relative)
        is_known = not isinstance(location, Path) and relative in self._opened
        if record is None or (is_known and self._opened[relative] == record.sha256):
            return location
        if not self._is_written(location, record):
            # Another manifest may have been published just now.
            newest = self._reread()
            location = publishing.current(self._sweep, path)
            record = newest.files.get(relative)
            if record is None or not self._is_written(location, record):
                raise _damaged(path, self._sweep.name)
            self._adopt(newest)
        if isinstance(location, Path) and record.size > LARGE:
            self._large.add(relative)
            with suppress(FileNotFoundError):
                _owed[f"{location}"] = (record.sha256, self._sweep.name, _hashing(location))
        self._opened[relative] = record.sha256
        return location

    def _record(self, relative: str) -> FileRecord | None:
        if self._held is not None:
            return self._held.files.get(relative)
        stamp = atomic.stamp(publishing.manifest_path(self._sweep))
        if not stamp:
            return None
        if self._newest[0] != stamp:
            self._newest = (stamp, self._reread().files)
        return self._newest[1].get(relative)

    def _reread(self) -> Manifest:
        try:
            return self._read()
        except DamageError:
            raise
        except CacheError:  # the sweep was removed
            raise self._changed() from None

    def _adopt(self, newest: Manifest) -> None:
        held = self._held
        if held is None:
            return
        same = (held.class_names, held.dataset_fingerprint, held.origin)
        if same != (newest.class_names, newest.dataset_fingerprint, newest.origin):
            raise self._changed()
        for relative, sha256 in self._opened.items():
            now = newest.files.get(relative)
            if "images.parquet" not in relative and (now is None or now.sha256 != sha256):
                raise self._changed()
        self._held = newest

    def _changed(self) -> RunError:
        return RunError(
            f"sweep '{self._sweep.name}' was rewritten while it was read; open it again"
        )

    @staticmethod
    def _is_written(location: Location, record: FileRecord) -> bool:
        try:
            if atomic.size(location) != record.size:
                return False
            if not isinstance(location, Path):
                return True
            future = _hashing(location)
            # Wait for another thread that hashes a small file.
            return (record.size > LARGE and not future.done()) or future.result() == record.sha256
        except FileNotFoundError:
            return True  # reported by the reader
        except OSError as error:
            raise atomic.unreadable(location, error) from error

    @staticmethod
    def _states(locations: Iterable[Location]) -> list[object]:
        found: list[object] = []
        for location in locations:
            try:
                found.append(_identity(location) if isinstance(location, Path) else location)
            except OSError:
                found.append(None)
        return found


def problems(
    folder: Location,
    present: dict[str, int],
    manifest: Manifest,
    done: Collection[str],
    *,
    own: Collection[str],
    ignored: Collection[str],
) -> list[str]:
    """List problems, one line each: missing, damaged, unlisted or foreign files, links outside.

    Parameters
    ----------
    folder : Location
        The sweep's folder.
    present : dict
        Bytes of each file in it.
    manifest : Manifest
        The manifest of the sweep.
    done : collection of str
        Files of finished runs.
    own : collection of str
        Other files that belong to every sweep.
    ignored : collection of str
        Folders to ignore: derived, users' and unpublished files. Partial files of killed processes
        are ignored too.
    """
    found = [f"link: {relative} (leads out of the sweep)" for relative in links_out(folder)]
    for relative, record in manifest.files.items():
        if relative not in present:
            found.append(f"missing: {relative}")
        elif present[relative] != record.size or _hash_of(folder, relative) != record.sha256:
            found.append(f"damaged: {relative} (its SHA-256 is not the manifest's)")
    for relative in done:
        if relative not in manifest.files:
            found.append(f"unlisted: {relative} (done, but not in the manifest's files)")
    for relative in sorted(present.keys() - manifest.files.keys() - set(own)):
        is_left_over = relative.rpartition("/")[2].startswith(TEMPORARY)
        if relative.partition("/")[0] not in ignored and not is_left_over:
            found.append(f"foreign: {relative} (not in the manifest)")
    return found


def _hash_of(folder: Location, relative: str) -> str:
    path = folder / relative
    try:
        return publishing.reading(folder, path, atomic.sha256)
    except OSError as error:
        raise atomic.unreadable(path, error) from error


def remove_leftovers(folder: Location, *, but: Collection[str] = ()) -> None:
    """Remove all partial files of killed processes. The folder must be locked.

    ``but`` names subfolders that others may be writing to.
    """
    for name in sizes(folder):
        if name.rpartition("/")[2].startswith(TEMPORARY) and name.partition("/")[0] not in but:
            (folder / name).unlink(missing_ok=True)
