"""Match image paths by their tails, across separators, roots and machines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# Names of the path column in tables of other tools.
USUAL_PATHS = ("file_name", "filename", "file", "filepath", "image")
_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_NONE, _SEVERAL = -1, -2


def as_posix(path: str) -> str:
    """Write a path with ``/`` and without a leading ``./``."""
    return path.replace("\\", "/").removeprefix("./")


@dataclass
class PathTails:
    """Known paths, looked up by the longest tail that a path shares with exactly one of them.

    One of the two must be a tail of the other, as with a missing or another root; or at least
    folder and file are equal below roots of different names. A train split never matches a test
    split.

    Parameters
    ----------
    paths : sequence of str
        The known paths.
    """

    paths: Sequence[str]
    example: tuple[str, str] | None = None
    n_by_tail: int = 0
    _exact: dict[str, int] = field(default_factory=dict)
    _tails: dict[int, dict[str, int]] = field(default_factory=dict)
    _parts: list[list[str]] | None = None

    def __post_init__(self) -> None:
        for index, path in enumerate(self.paths):
            self._exact.setdefault(as_posix(path), index)

    def index_of(self, path_text: str) -> int:
        """Return the index of a path among the known ones, -1 if there is none."""
        path = as_posix(path_text)
        found = self._exact.get(path, _NONE)
        if found == _NONE:
            found = max(self._by_tail(path), _NONE)
            if found != _NONE:
                self.n_by_tail += 1
                self.example = self.example or (path_text, self.paths[found])
        return found

    def indices_of(self, paths: Iterable[str]) -> list[int]:
        """Return the index of every path."""
        return [self.index_of(one) for one in paths]

    def why_not(self, path: str) -> str:
        """Explain why a path matches none of the known ones."""
        if self._by_tail(as_posix(path)) == _SEVERAL:
            return "whose tail fits several images"
        return "which is not an image"

    @property
    def note(self) -> str:
        """Describe how paths were matched; empty if all were equal."""
        if self.example is None:
            return ""
        typed, known = self.example
        many = "1 path is" if self.n_by_tail == 1 else f"{self.n_by_tail:,} paths are"
        return f"{many} matched by the longest tail unique to an image: {typed!r} is {known!r}"

    def _by_tail(self, path: str) -> int:
        parts = [part for part in path.split("/") if part]
        deepest = max((len(one) for one in self._known()), default=0)
        for n in range(min(len(parts), deepest), 0, -1):
            tail = "/".join(parts[-n:])
            exact = self._exact.get(tail)
            if exact is not None:
                return exact
            found = self._of_length(n).get(tail, _NONE)
            if found == _NONE:
                continue
            if found == _SEVERAL or n == len(parts):
                return found
            other = self._known()[found][-n - 1].lower()
            is_other_split = {other, parts[-n - 1].lower()} <= _SPLITS
            return found if n > 1 and not is_other_split else _NONE
        return _NONE

    def _known(self) -> list[list[str]]:
        if self._parts is None:
            self._parts = [
                [part for part in as_posix(path).split("/") if part] for path in self.paths
            ]
        return self._parts

    def _of_length(self, n: int) -> dict[str, int]:
        """Return the known paths by their last ``n`` parts."""
        if n not in self._tails:
            index: dict[str, int] = {}
            for i, parts in enumerate(self._known()):
                if len(parts) >= n:
                    tail = "/".join(parts[-n:])
                    index[tail] = _SEVERAL if tail in index else i
            self._tails[n] = index
        return self._tails[n]
