"""What is being looked at, as one frozen value, and how an address spells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from analysis.stats.pie import KINDS
from analysis.stats.votes import TIE_RULES, TieRule
from dashboard.gallery.sort_keys import SORTS

SCORES = ("tied", "no-answer")
POPULATIONS = ("pies", "non-pies", "all")
CLASS_OF = ("label", "dense", "variant")
ORDERS = ("desc", "asc")
TILES = ("small", "medium", "large")
MAX_PER_PAGE = 240
WHOLE = (0, 100)


@dataclass(frozen=True)
class Selection:
    """Everything the address can say; ``None`` where a sweep has nothing to choose.

    ``classes`` filters by the class named in ``class_of``, ``becomes`` by the modal label of the
    compressed models. ``agreement`` (of the compressed models) and ``distance`` are ranges in whole
    percent, ends included. ``meta`` holds (column without ``meta_``, value) pairs. ``scores``
    filters by what the compressed models' scores are: a tied top score, or no answer.
    """

    sweep: str | None = None
    variant: str | None = None
    ties: TieRule = "confidence"
    classes: tuple[str, ...] = ()
    class_of: str = "label"
    becomes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    population: str = "pies"
    agreement: tuple[int, int] = WHOLE
    distance: tuple[int, int] = WHOLE
    meta: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    sort: str = "vote_distance"
    order: str = "desc"
    page: int = 1
    per_page: int = 60
    tile: str = "medium"
    image: int | None = None


@dataclass(frozen=True)
class Known:
    """What the chosen sweep offers: the values an address may name, and its defaults."""

    variants: Sequence[str] = ()
    default_variant: str | None = None
    class_names: Sequence[str] = ()
    n_images: int = 0
    meta: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tags: Sequence[str] = ()


def parse(
    params: Mapping[str, Sequence[str]], known: Known, *, sweep: str | None
) -> tuple[Selection, list[str]]:
    """Read query parameters; what cannot be used falls back to the default, with a note each.

    Parameters
    ----------
    params
        Every value of every parameter, as they stand in the address.
    known
        What the sweep offers.
    sweep
        The sweep that was chosen, already checked.

    Returns
    -------
    selection, notes
        Notes are plain text and name the parameter, its value and what is shown instead.
    """
    reader = _Reader(params)
    default = Selection()
    selection = Selection(
        sweep=sweep,
        variant=reader.one("variant", known.variants, known.default_variant),
        ties=reader.one("ties", TIE_RULES, default.ties),
        classes=reader.many("class", known.class_names),
        class_of=reader.one("class_of", CLASS_OF, default.class_of),
        becomes=reader.many("becomes", known.class_names),
        kinds=reader.many("kind", KINDS),
        population=reader.one("population", POPULATIONS, default.population),
        agreement=reader.range("agreement"),
        distance=reader.range("distance"),
        meta=reader.pairs("meta", known.meta),
        tags=reader.many("tag", known.tags),
        scores=reader.many("scores", SCORES),
        sort=reader.one("sort", tuple(SORTS), default.sort),
        order=reader.one("order", ORDERS, default.order),
        page=reader.number("page", 1, None, default.page),
        per_page=reader.number("per_page", 1, MAX_PER_PAGE, default.per_page),
        tile=reader.one("tile", TILES, default.tile),
        image=reader.number("image", 0, known.n_images - 1, None),
    )
    return selection, reader.notes


def to_params(selection: Selection, *, default_variant: str | None = None) -> dict[str, list[str]]:
    """Spell a selection as query parameters; what stands at its default is left out."""
    default = Selection(variant=default_variant)
    spelled = {
        "sweep": [selection.sweep] if selection.sweep is not None else [],
        "class": list(selection.classes),
        "becomes": list(selection.becomes),
        "kind": list(selection.kinds),
        "meta": [f"{column}:{value}" for column, value in selection.meta],
        "tag": list(selection.tags),
        "scores": list(selection.scores),
    }
    for name in ("agreement", "distance"):
        low, high = getattr(selection, name)
        spelled[name] = [f"{low}-{high}"] if (low, high) != WHOLE else []
    for name in (
        "variant", "ties", "class_of", "population", "sort", "order", "page", "per_page", "tile",
        "image",
    ):  # fmt: skip
        value = getattr(selection, name)
        spelled[name] = [str(value)] if value not in (None, getattr(default, name)) else []
    return {name: values for name, values in spelled.items() if values}


def changed(selection: Selection, **changes: Any) -> Selection:
    """Change a selection; whatever filters or sorts goes back to page 1 and closes the detail."""
    if set(changes) - {"page", "image", "tile"}:
        changes = {"page": 1, "image": None, **changes}
    return replace(selection, **changes)


def without_filters(selection: Selection) -> Selection:
    """Drop every filter; sweep, variant, tie rule, sorting and sizes stay."""
    default = Selection()
    return changed(
        selection,
        **{
            name: getattr(default, name)
            for name in (
                "classes", "class_of", "becomes", "kinds", "population", "agreement", "distance",
                "meta", "tags", "scores",
            )
        },
    )  # fmt: skip


class _Reader:
    """Reads one parameter at a time and collects the notes."""

    def __init__(self, params: Mapping[str, Sequence[str]]) -> None:
        self.params = params
        self.notes: list[str] = []

    def one(self, name: str, known: Sequence[str], default: Any) -> Any:
        values = self.params.get(name, ())
        if not values:
            return default
        if values[-1] in known:
            return values[-1]
        self._note(name, values[-1], default)
        return default

    def many(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        kept = []
        allowed = set(known)
        for value in self.params.get(name, ()):
            if value in allowed:
                kept.append(value)
            else:
                self._note(name, value, None)
        return tuple(dict.fromkeys(kept))

    def pairs(self, name: str, known: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str], ...]:
        kept = []
        for text in self.params.get(name, ()):
            column, _, value = text.partition(":")
            if value in known.get(column, ()):
                kept.append((column, value))
            else:
                self._note(name, text, None)
        return tuple(dict.fromkeys(kept))

    def number(self, name: str, low: int, high: int | None, default: int | None) -> Any:
        values = self.params.get(name, ())
        if not values:
            return default
        text = values[-1]
        if text.isascii() and text.isdigit() and len(text) < 12:
            number = int(text)
            if low <= number and (high is None or number <= high):
                return number
        self._note(name, text, default)
        return default

    def range(self, name: str) -> tuple[int, int]:
        values = self.params.get(name, ())
        if not values:
            return WHOLE
        low, _, high = values[-1].partition("-")
        if all(part.isascii() and part.isdigit() and len(part) < 4 for part in (low, high)):
            ends = (int(low), int(high))
            if WHOLE[0] <= ends[0] <= ends[1] <= WHOLE[1]:
                return ends
        self._note(name, values[-1], "all")
        return WHOLE

    def _note(self, name: str, value: str, instead: Any) -> None:
        shown = value if len(value) <= 80 else value[:79] + "…"
        rest = f"showing {instead}" if instead is not None else "left out"
        self.notes.append(f"{name}={shown} is not available here: {rest}.")
