"""``marks/``: what people keep of a sweep: tags, named slices, saved views; no run touches it.

One small file, replaced atomically. A lock orders the writers of one machine; in a cache on another
machine, of two who write at the same moment the later stays.
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
    """Image ids of each tag and slice, rising, and the address parameters of each saved view."""

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
        """Tell one state from another, unread; empty where nothing was ever kept."""
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
                _ids(read.get("slices", {})),  # files of before have none
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
        """Give images a tag; return its name as it is kept.

        Raises
        ------
        UserError
            The name is empty, too long, or holds what cannot be written.
        RunError
            The disk refused it.
        """
        kept = checked_name(name, "tag")
        added = {int(one) for one in image_ids}

        def change(marked: Marked) -> None:
            marked.tags[kept] = sorted(added.union(marked.tags.get(kept, ())))

        self._change(change)
        return kept

    def untag(self, name: str, image_ids: Iterable[int]) -> None:
        """Take a tag from images; one that no image has any more is gone.

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
        """Keep images under a name, in place of those that had it; return it as it is kept.

        Raises
        ------
        UserError
            As :meth:`tag`; or there are no images.
        RunError
            The disk refused it.
        """
        kept = checked_name(name, "slice")
        ids = sorted({int(one) for one in image_ids})
        if not ids:
            raise UserError(f"slice '{kept}' would have no image; select some first")
        self._change(lambda marked: marked.slices.update({kept: ids}))
        return kept

    def forget_slice(self, name: str) -> None:
        """Drop a slice; its images are as they were.

        Raises
        ------
        RunError
            The disk refused it.
        """
        self._change(lambda marked: marked.slices.pop(name, None))

    def save_view(self, name: str, rule: Mapping[str, Sequence[str]]) -> str:
        """Keep the rule of a view, its address parameters; return its name as it is kept.

        Raises
        ------
        UserError, RunError
            As :meth:`tag`.
        """
        kept = checked_name(name, "view")

        def change(marked: Marked) -> None:
            marked.views[kept] = {one: list(values) for one, values in rule.items()}

        self._change(change)
        return kept

    def forget_view(self, name: str) -> None:
        """Drop a saved view; the images it showed are as they were.

        Raises
        ------
        RunError
            The disk refused it.
        """
        self._change(lambda marked: marked.views.pop(name, None))

    def adopt(self, other: "Marks") -> None:
        """Take over what is kept of another sweep of the same images; own slices and views stay.

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
        raise ValueError("a number that is no image's")
    return found


def checked_name(name: str, what: str) -> str:
    """Return the name of a tag, slice or view without blanks around it and of one line.

    Raises
    ------
    UserError
        It is empty, too long, or holds control characters.
    """
    kept = " ".join(unicodedata.normalize("NFC", name).split())
    if not kept:
        raise UserError(f"a {what} needs a name")
    if len(kept) > LONGEST:
        raise UserError(f"the name of a {what} has {len(kept)} characters; at most {LONGEST}")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in kept):
        raise UserError(f"the name of a {what} holds control characters")
    return kept
