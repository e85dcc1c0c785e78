"""What is being looked at, as one frozen value, and how an address spells it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from analysis.stats.pie import KINDS
from analysis.stats.votes import TIE_RULES, TieRule
from dashboard.address import WHOLE, Reader
from dashboard.gallery.levels import Methods
from dashboard.gallery.range_keys import Range
from dashboard.gallery.sort_keys import SORTS

SCORES = ("tied", "no-answer")
POPULATIONS = ("pies", "non-pies", "all")
CLASS_OF = ("label", "dense", "variant")
ORDERS = ("desc", "asc")
TILES = ("small", "medium", "large")
VIEWS = ("tiles", "table")
MAX_PER_PAGE = 240


@dataclass(frozen=True)
class Selection:
    """Everything the address can say; ``None`` where a sweep has nothing to choose.

    ``method`` and ``sparsity`` are how the address names the variant, None where it names it by its
    key; whoever changes one of the three changes them all (:func:`changed` does).
    ``classes`` filters by the class named in ``class_of``, ``becomes`` by the modal label of the
    compressed models; ``not_classes`` and ``not_tags`` leave images out. An image must be a PIE in
    every variant of ``pie_in``, and in none of ``not_pie_in``. ``agreement`` (of the compressed
    models) and ``distance`` are ranges in whole percent, ends included. ``meta`` holds (column
    without ``meta_``, value) pairs. ``scores`` filters by what the compressed models' scores are: a
    tied top score, or no answer. Of ``ranges`` all must hold. ``slices`` are named sets of images,
    ``selected`` one as ``analysis.store.selections`` spells it.
    """

    sweep: str | None = None
    variant: str | None = None
    method: str | None = None
    sparsity: float | None = None
    ties: TieRule = "confidence"
    classes: tuple[str, ...] = ()
    class_of: str = "label"
    becomes: tuple[str, ...] = ()
    not_classes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    pie_in: tuple[str, ...] = ()
    not_pie_in: tuple[str, ...] = ()
    population: str = "pies"
    agreement: tuple[int, int] = WHOLE
    distance: tuple[int, int] = WHOLE
    meta: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()
    slices: tuple[str, ...] = ()
    selected: str | None = None
    sort: str = "vote_distance"
    order: str = "desc"
    page: int = 1
    per_page: int = 60
    tile: str = "medium"
    view: str = "tiles"
    image: int | None = None


@dataclass(frozen=True)
class Known:
    """What the chosen sweep offers: the values an address may name, and its defaults."""

    variants: Sequence[str] = ()
    methods: Methods = field(default_factory=dict)
    default_variant: str | None = None
    class_names: Sequence[str] = ()
    n_images: int = 0
    meta: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tags: Sequence[str] = ()
    numbers: frozenset[str] = frozenset()
    slices: Sequence[str] = ()
    has_selected: Callable[[str], bool] = lambda _: False


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
    reader = Reader(params)
    default = Selection()
    selection = Selection(
        sweep=sweep,
        **reader.variant(known.variants, known.methods, known.default_variant),
        ties=reader.one("ties", TIE_RULES, default.ties),
        classes=reader.many("class", known.class_names),
        class_of=reader.one("class_of", CLASS_OF, default.class_of),
        becomes=reader.many("becomes", known.class_names),
        not_classes=reader.many("not_class", known.class_names),
        kinds=reader.many("kind", KINDS),
        pie_in=reader.many("pie_in", known.variants),
        not_pie_in=reader.many("not_pie_in", known.variants),
        population=reader.one("population", POPULATIONS, default.population),
        agreement=reader.range("agreement"),
        distance=reader.range("distance"),
        meta=reader.pairs("meta", known.meta),
        tags=reader.many("tag", known.tags),
        not_tags=reader.many("not_tag", known.tags),
        scores=reader.many("scores", SCORES),
        ranges=reader.ranges(known.numbers),
        slices=reader.many("slice", known.slices),
        selected=reader.one_of("selected", known.has_selected),
        sort=reader.sort((*SORTS, *known.numbers), default.sort),
        order=reader.one("order", ORDERS, default.order),
        page=reader.number("page", 1, None, default.page),
        per_page=reader.number("per_page", 1, MAX_PER_PAGE, default.per_page),
        tile=reader.one("tile", TILES, default.tile),
        view=reader.one("view", VIEWS, default.view),
        image=reader.number("image", 0, known.n_images - 1, None),
    )
    return selection, reader.notes


def to_params(selection: Selection, *, default_variant: str | None = None) -> dict[str, list[str]]:
    """Spell a selection as query parameters; what stands at its default is left out."""
    default = Selection()
    spelled = {
        "sweep": [selection.sweep] if selection.sweep is not None else [],
        **_spelled_variant(selection, default_variant),
        "class": list(selection.classes),
        "becomes": list(selection.becomes),
        "not_class": list(selection.not_classes),
        "kind": list(selection.kinds),
        "pie_in": list(selection.pie_in),
        "not_pie_in": list(selection.not_pie_in),
        "meta": [f"{column}:{value}" for column, value in selection.meta],
        "tag": list(selection.tags),
        "not_tag": list(selection.not_tags),
        "scores": list(selection.scores),
        "range": [one.spelled for one in selection.ranges],
        "slice": list(selection.slices),
        "selected": [] if selection.selected is None else [selection.selected],
    }
    for name in ("agreement", "distance"):
        low, high = getattr(selection, name)
        spelled[name] = [f"{low}-{high}"] if (low, high) != WHOLE else []
    for name in (
        "ties", "class_of", "population", "sort", "order", "page", "per_page", "tile", "view",
        "image",
    ):  # fmt: skip
        value = getattr(selection, name)
        spelled[name] = [str(value)] if value not in (None, getattr(default, name)) else []
    return {name: values for name, values in spelled.items() if values}


def _spelled_variant(selection: Selection, default_variant: str | None) -> dict[str, list[str]]:
    """Name the variant as it was chosen: by method and sparsity, or by its key."""
    if selection.method is not None:
        level = selection.sparsity
        return {
            "method": [selection.method],
            "sparsity": [] if level is None else [f"{level:.12g}"],
        }
    named = selection.variant not in (None, default_variant)
    return {"variant": [str(selection.variant)] if named else []}


_VARIANT = frozenset(("variant", "method", "sparsity"))


def changed(selection: Selection, **changes: Any) -> Selection:
    """Change a selection; whatever filters or sorts goes back to page 1 and closes the detail.

    Another variant keeps page and image: what becomes of them is what one wants to see.
    """
    if set(changes) & _VARIANT:
        changes = {"method": None, "sparsity": None, **changes}
    if set(changes) - {"page", "image", "tile", "view"} - _VARIANT:
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
                "meta", "tags", "scores", "not_classes", "not_tags", "pie_in", "not_pie_in",
                "ranges", "slices", "selected",
            )
        },
    )  # fmt: skip
