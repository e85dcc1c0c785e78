"""``marks/``: users' tags, named slices and saved views of a sweep.

One small file, replaced atomically. A lock orders the writers of one machine; in a remote cache the
last writer wins.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import filelock

from analysis.errors import DamageError, RunError, UserError
from analysis.filesystem import Location, RemotePath, atomic
from analysis.filesystem.atomic import replacing
from analysis.store.sealing import sealed, unsealed

FOLDER = "marks"
LONGEST = 60
_FILE = "marks.json"
_LOCK = ".lock"
_PATIENCE = 20.0
_NO_IMAGE = 2**63


@dataclass
class Marked:
    """Ascending image ids of each tag and slice, and address parameters of each saved view."""

    tags: dict[str, list[int]] = field(default_factory=dict)
    slices: dict[str, list[int]] = field(default_factory=dict)
    views: dict[str, dict[str, list[str]]] = field(default_factory=dict)


_KEYS = frozenset(one.name for one in fields(Marked))


class Marks:
    """Tags, named slices and saved views of one sweep."""

    def __init__(self, sweep: Location) -> None:
        self._folder = sweep / FOLDER
        self._path = self._folder / _FILE

    def stamp(self) -> str:
        """Return a stamp that changes with the file, empty without one."""
        return atomic.stamp(self._path)

    def read(self) -> Marked:
        """Read tags, slices and views.

        Raises
        ------
        CacheError
            The file is damaged.
        """
        try:
            read = unsealed(json.loads(self._path.read_text(encoding="utf-8")), _KEYS)
            return Marked(
                _ids(read["tags"]),
                _ids(read.get("slices", {})),  # missing from older files
                {
                    str(view): {str(name): list(map(str, values)) for name, values in rule.items()}
                    for view, rule in read["views"].items()
                },
            )
        except FileNotFoundError:
            return Marked()
        except OSError as error:
            raise atomic.unreadable(self._path, error) from error
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as error:
            raise DamageError(
                f"{self._path} is damaged ({error}): tags, slices and saved views cannot be read; "
                "move it away to start again"
            ) from error

    def tag(self, name: str, image_ids: Iterable[int]) -> str:
        """Tag images; return the tag's normalized name.

        Raises
        ------
        UserError
            The name is empty, too long, or has control characters.
        RunError
            The disk refused it.
        """
        stored_name = checked_name(name, "tag")
        added = {int(one) for one in image_ids}

        def change(marked: Marked) -> None:
            marked.tags[stored_name] = sorted(added.union(marked.tags.get(stored_name, ())))

        self._change(change)
        return stored_name

    def untag(self, name: str, image_ids: Iterable[int]) -> None:
        """Remove a tag from images; a tag without images disappears.

        Raises
        ------
        RunError
            The disk refused it.
        """
        dropped = {int(one) for one in image_ids}

        def change(marked: Marked) -> None:
            left = [one for one in marked.tags.pop(name, ()) if one not in dropped]
            if left:
                marked.tags[name] = left

        self._change(change)

    def save_slice(self, name: str, image_ids: Iterable[int]) -> str:
        """Store images as a named slice, replacing one; return its normalized name.

        Raises
        ------
        UserError
            As :meth:`tag`; or there are no images.
        RunError
            The disk refused it.
        """
        stored_name = checked_name(name, "slice")
        ids = sorted({int(one) for one in image_ids})
        if not ids:
            raise UserError(f"slice '{stored_name}' would have no image; select some first")
        self._change(lambda marked: marked.slices.update({stored_name: ids}))
        return stored_name

    def forget_slice(self, name: str) -> None:
        """Delete a slice.

        Raises
        ------
        RunError
            The disk refused it.
        """
        self._change(lambda marked: marked.slices.pop(name, None))

    def save_view(self, name: str, rule: Mapping[str, Sequence[str]]) -> str:
        """Store the address parameters of a view; return its normalized name.

        Raises
        ------
        UserError, RunError
            As :meth:`tag`.
        """
        stored_name = checked_name(name, "view")

        def change(marked: Marked) -> None:
            marked.views[stored_name] = {one: list(values) for one, values in rule.items()}

        self._change(change)
        return stored_name

    def forget_view(self, name: str) -> None:
        """Delete a saved view.

        Raises
        ------
        RunError
            The disk refused it.
        """
        self._change(lambda marked: marked.views.pop(name, None))

    def adopt(self, other: "Marks") -> None:
        """Merge the marks of another sweep of the same images; own slices and views win.

        Raises
        ------
        CacheError
            Either file is damaged.
        RunError
            The disk refused it.
        """
        theirs = other.read()

        def change(marked: Marked) -> None:
            for tag, ids in theirs.tags.items():
                marked.tags[tag] = sorted({*ids, *marked.tags.get(tag, ())})
            marked.slices = theirs.slices | marked.slices
            marked.views = theirs.views | marked.views

        if theirs != Marked():
            self._change(change)

    def _change(self, change: Callable[[Marked], Any]) -> None:
        with self._locked():
            marked = self.read()
            change(marked)
            content = json.dumps(sealed(asdict(marked)), ensure_ascii=False)
            with replacing(self._path) as temporary:
                temporary.write_text(content, encoding="utf-8")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if isinstance(self._folder, RemotePath):
            yield
            return
        try:
            self._folder.mkdir(exist_ok=True)
            with filelock.FileLock(self._folder / _LOCK, timeout=_PATIENCE):
                atomic.remove_temporary(self._folder)
                yield
        except filelock.Timeout:
            raise RunError(f"{self._folder} is held by another process; try again") from None
        except OSError as error:
            raise RunError(f"{self._path} could not be written: {error.strerror}") from error


def _ids(read: Mapping[Any, Any]) -> dict[str, list[int]]:
    found = {str(name): sorted(map(int, ids)) for name, ids in read.items()}
    if any(abs(one) >= _NO_IMAGE for ids in found.values() for one in ids):
        raise ValueError("a number that is not an image id")
    return found


def checked_name(name: str, what: str) -> str:
    """Normalize the name of a tag, slice or view.

    Raises
    ------
    UserError
        The name is empty, too long, or has control characters.
    """
    normalized = " ".join(unicodedata.normalize("NFC", name).split())
    if not normalized:
        raise UserError(f"a {what} needs a name")
    if len(normalized) > LONGEST:
        raise UserError(f"the name of a {what} has {len(normalized)} characters; at most {LONGEST}")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in normalized):
        raise UserError(f"the name of a {what} holds control characters")
    return normalized
