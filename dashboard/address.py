"""Reading the parameters of an address; what cannot be used is noted, and never an error."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dashboard.gallery.levels import Methods, Rung, at_level, most_compressed, naming
from dashboard.gallery.range_keys import Range, read_range
from dashboard.gallery.sort_keys import ALIASES

WHOLE = (0, 100)


class Reader:
    """Reads one parameter at a time and collects the notes.

    Parameters
    ----------
    params
        Every value of every parameter, as they stand in the address.
    """

    def __init__(self, params: Mapping[str, Sequence[str]]) -> None:
        self.params = params
        self.notes: list[str] = []

    def one(self, name: str, known: Sequence[str], default: Any) -> Any:
        """Return the last value if it is known, else the default."""
        values = self.params.get(name, ())
        if not values:
            return default
        if values[-1] in known:
            return values[-1]
        self.note(name, values[-1], default)
        return default

    def one_of(self, name: str, is_known: Callable[[str], bool]) -> str | None:
        """Return the last value if it is known; None else."""
        values = self.params.get(name, ())
        if not values:
            return None
        if is_known(values[-1]):
            return values[-1]
        self.note(name, values[-1], None)
        return None

    def variant(
        self, known: Sequence[str], methods: Methods, default: str | None
    ) -> dict[str, Any]:
        """Return what names the variant: ``variant``, else ``method`` and ``sparsity``.

        Returns
        -------
        dict
            The fields ``variant``, ``method`` and ``sparsity`` of a selection; the last two are
            None where the address does not choose by them.
        """
        named = self.params.get("variant", ())
        if named and named[-1] in known:
            return {"variant": named[-1]}
        chosen = self._by_method(methods, default)
        if named:
            self.note("variant", named[-1], chosen.get("variant"))
        return chosen

    def _by_method(self, methods: Methods, default: str | None) -> dict[str, Any]:
        usual = next((name for name, rungs in methods.items() if default in _ids(rungs)), None)
        method = self.one("method", tuple(methods), usual)
        is_asked = list(self.params.get("method", ()))[-1:] == [method]
        rungs = methods.get(method, ())
        fallback = most_compressed(rungs).variant_id if is_asked else default
        levels = self.params.get("sparsity", ())
        if levels:
            rung = at_level(rungs, levels[-1])
            if rung is not None:
                return naming(methods, rung.variant_id)
            self.note("sparsity", levels[-1], fallback)
        return naming(methods, fallback) if is_asked and fallback else {"variant": default}

    def many(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        """Return every known value once, in the order of the address."""
        kept = []
        allowed = set(known)
        for value in self.params.get(name, ()):
            if value in allowed:
                kept.append(value)
            else:
                self.note(name, value, None)
        return tuple(dict.fromkeys(kept))

    def pairs(self, name: str, known: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str], ...]:
        """Return every ``COLUMN:VALUE`` that is known."""
        kept = []
        for text in self.params.get(name, ()):
            column, _, value = text.partition(":")
            if value in known.get(column, ()):
                kept.append((column, value))
            else:
                self.note(name, text, None)
        return tuple(dict.fromkeys(kept))

    def sort(self, known: Sequence[str], default: str) -> str:
        """Return what images are sorted by, under its own name."""
        values = self.params.get("sort", ())
        if values and values[-1] in ALIASES:
            return ALIASES[values[-1]]
        return str(self.one("sort", known, default))

    def ranges(self, numbers: frozenset[str]) -> tuple[Range, ...]:
        """Return every usable range; of a column that is named twice the last."""
        kept = {}
        for text in self.params.get("range", ()):
            found = read_range(text, numbers)
            if found is None:
                self.note("range", text, None)
            else:
                kept[found.column] = found
        return tuple(kept.values())

    def number(self, name: str, low: int, high: int | None, default: int | None) -> Any:
        """Return a whole number between two ends."""
        values = self.params.get(name, ())
        if not values:
            return default
        text = values[-1]
        if text.isascii() and text.isdigit() and len(text) < 12:
            number = int(text)
            if low <= number and (high is None or number <= high):
                return number
        self.note(name, text, default)
        return default

    def range(self, name: str) -> tuple[int, int]:
        """Return a range of whole percent, ``LOW-HIGH``."""
        values = self.params.get(name, ())
        if not values:
            return WHOLE
        low, _, high = values[-1].partition("-")
        if all(part.isascii() and part.isdigit() and len(part) < 4 for part in (low, high)):
            ends = (int(low), int(high))
            if 0 <= ends[0] <= ends[1] <= 100:
                return ends
        self.note(name, values[-1], "all")
        return WHOLE

    def note(self, name: str, value: str, instead: Any) -> None:
        """Note that a value cannot be used, and what is shown instead; None for nothing."""
        shown = value if len(value) <= 80 else value[:79] + "…"
        rest = f"showing {instead}" if instead is not None else "left out"
        self.notes.append(f"{name}={shown} is not available here: {rest}.")


def _ids(rungs: Sequence[Rung]) -> set[str]:
    return {rung.variant_id for rung in rungs}
