"""What is read is what was written: files checked against the manifest, each once a process.

A file of this machine is known by its path, size, time of writing and inode. Large ones are hashed
in the background, and count as they are until that is done. Of a file on another machine only the
size is compared: its bytes would have to be fetched whole; ``verify`` does that.
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from analysis.errors import CacheError, DamageError, RunError
from analysis.filesystem import Location, atomic
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
    said = os.stat(path)
    return (f"{path}", said.st_size, said.st_mtime_ns, said.st_ino)


def _hashing(path: Path) -> "Future[str]":
    """Hash a file that is not known yet: now, or in the background where it is large."""
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
    """Wait for the large files that were opened in this process and are still being hashed.

    Raises
    ------
    DamageError
        One is not what was written.
    """
    while _owed:
        path, (sha256, sweep, future) = _owed.popitem()
        if future.exception() is None and future.result() != sha256:
            raise _damaged(path, sweep)


def _damaged(path: Location | str, sweep: str) -> DamageError:
    return DamageError(
        f"{path} is damaged: it is not what was written; 'lethe verify {sweep}' lists what is "
        "wrong, and the same sweep started again makes the missing runs again"
    )


class Guard:
    """Lets a sweep's files be read that are what the manifest says.

    Parameters
    ----------
    sweep : Location
        The sweep's folder.
    read : callable
        Reads the manifest anew.
    held : Manifest, optional
        The one that the reader rests on; without it the newest counts.
    """

    def __init__(
        self, sweep: Location, read: Callable[[], Manifest], held: Manifest | None = None
    ) -> None:
        self._sweep, self._read, self._held = sweep, read, held
        self._newest: tuple[str, dict[str, FileRecord]] = ("", {})
        self._opened: dict[str, str] = {}
        self._large: set[str] = set()

    def reading(self, paths: Sequence[Location], read: Callable[[list[Location]], T]) -> T:
        """Read files, each checked against the manifest first, and see that they stayed the same.

        Raises
        ------
        DamageError
            One is missing, or is not what was written.
        RunError
            They were written anew meanwhile.
        """
        for _ in range(_TRIES):
            places = self._checked(paths)
            before = self._states(places)
            try:
                found = read(places)
            except DamageError:
                if self._states(places) == before:
                    raise
                continue
            if self._states(places) == before:
                return found
        raise self._changed()

    def place(self, path: Location) -> Location:
        """Return where a file lies, after it is checked against the manifest."""
        return self._checked([path])[0]

    def unhashed(self) -> list[str]:
        """Name the large files that were opened and are still being hashed, sorted.

        Raises
        ------
        DamageError
            One of them turned out not to be what was written.
        """
        places = {name: self._check(self._sweep / name) for name in sorted(self._large)}
        return [name for name, place in places.items() if _is_unhashed(place)]

    def _checked(self, paths: Sequence[Location]) -> list[Location]:
        if len(paths) < 2:
            return [self._check(path) for path in paths]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self._check, paths))

    def _check(self, path: Location) -> Location:
        relative = atomic.relative(path, self._sweep)
        place = publishing.current(self._sweep, path)
        record = self._record(relative)
        is_known = not isinstance(place, Path) and relative in self._opened
        if record is None or (is_known and self._opened[relative] == record.sha256):
            return place
        if not self._is_written(place, record):
            # The reader may have taken a manifest just before another was published.
            newest = self._anew()
            place = publishing.current(self._sweep, path)
            record = newest.files.get(relative)
            if record is None or not self._is_written(place, record):
                raise _damaged(path, self._sweep.name)
            self._adopt(newest)
        if isinstance(place, Path) and record.size > LARGE:
            self._large.add(relative)
            with suppress(FileNotFoundError):
                _owed[f"{place}"] = (record.sha256, self._sweep.name, _hashing(place))
        self._opened[relative] = record.sha256
        return place

    def _record(self, relative: str) -> FileRecord | None:
        if self._held is not None:
            return self._held.files.get(relative)
        stamp = atomic.stamp(publishing.manifest_path(self._sweep))
        if not stamp:
            return None
        if self._newest[0] != stamp:
            self._newest = (stamp, self._anew().files)
        return self._newest[1].get(relative)

    def _anew(self) -> Manifest:
        try:
            return self._read()
        except DamageError:
            raise
        except CacheError:  # it has none: it was removed
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
            f"sweep '{self._sweep.name}' was written anew while it was read; open it again"
        )

    @staticmethod
    def _is_written(place: Location, record: FileRecord) -> bool:
        try:
            if atomic.size(place) != record.size:
                return False
            if not isinstance(place, Path):
                return True
            future = _hashing(place)
            # Another thread that hashes a small file is waited for.
            return (record.size > LARGE and not future.done()) or future.result() == record.sha256
        except FileNotFoundError:
            return True  # whoever reads it says so
        except OSError as error:
            raise atomic.unreadable(place, error) from error

    @staticmethod
    def _states(places: Iterable[Location]) -> list[object]:
        found: list[object] = []
        for place in places:
            try:
                found.append(_identity(place) if isinstance(place, Path) else place)
            except OSError:
                found.append(None)
        return found
