"""Where a click on a mark leads: every figure of a sweep by its name, as the registry has it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from analysis import schema
from analysis.report.figures import Drawing
from dashboard import data, links
from dashboard.annotate import clicks
from dashboard.context import Context
from dashboard.links import Point

Opener = Callable[[Context, Drawing, Point], None]


def opener(context: Context, drawing: Drawing) -> Callable[[Point], None] | None:
    """Return what a click on a mark of a figure does.

    Parameters
    ----------
    context : Context
        The page's.
    drawing : Drawing
        One figure of the registry.
    """
    return next(
        (
            partial(open_, context, drawing)
            for name, open_ in _OPENERS.items()
            if drawing.name == name or drawing.name.startswith(f"{name}-")
        ),
        None,
    )


def _simple(open_: Callable[[Context, Point], None]) -> Opener:
    return lambda context, _, point: open_(context, point)


def _of_class(context: Context, drawing: Drawing, point: Point, **filters: Any) -> None:
    name, variant = str(point["customdata"][0]), str(drawing.arguments[0])
    links.open_gallery(context, variant=variant, classes=(name,), **filters)


def _of_cell(context: Context, _: Drawing, point: Point) -> None:
    name, variant = (str(one) for one in point["customdata"][:2])
    links.open_gallery(context, variant=variant, classes=(name,), population="all")


def _flow(context: Context, drawing: Drawing, point: Point) -> None:
    dense, variant = (str(one) for one in point["customdata"][:2])
    links.open_gallery(
        context, variant=str(drawing.arguments[0]), classes=(dense,), class_of="dense",
        becomes=(variant,),
    )  # fmt: skip


def _forgotten(context: Context, drawing: Drawing, _: Point) -> None:
    links.open_gallery(context, variant=str(drawing.arguments[0]), kinds=("forgotten",))


def _value(context: Context, drawing: Drawing, point: Point) -> None:
    attribute, value = (str(one) for one in point["customdata"][:2])
    if attribute in data.categories(context.results):
        links.open_gallery(context, variant=str(drawing.arguments[0]), meta=((attribute, value),))


def _tenth(context: Context, drawing: Drawing, point: Point) -> None:
    column = f"{schema.META_PREFIX}{drawing.named['attribute']}"
    links.open_values(context, column, point, variant=str(drawing.arguments[0]))


def _shift(context: Context, drawing: Drawing, point: Point) -> None:
    of_one_shift = drawing.rows is not None and drawing.rows[0] == schema.SHIFT
    (links.open_on_curve if of_one_shift else links.open_under_shift)(context, point)


def _people(context: Context, drawing: Drawing, point: Point) -> None:
    clicks.open_said(context, str((drawing.rows or ("", ""))[1]), point)


_OPENERS: Mapping[str, Opener] = {
    "pie-share": _simple(links.open_variant),
    "pie-kinds": _simple(links.open_kind),
    "pie-accuracy": _simple(links.open_variant),
    "pie-difficulty": _simple(links.open_variant),
    "pie-overlap": _simple(links.open_overlap),
    "breaking-points": _simple(links.open_breaking_point),
    "trade-off": _simple(links.open_variant),
    "curve": _simple(links.open_on_curve),
    "class-heatmap": _of_cell,
    "shift-pairs": _shift,
    "robustness": _shift,
    "human-shares": _people,
    "class-impact": partial(_of_class, population="all"),
    "not-worse": partial(_of_class, kinds=("forgotten",)),
    "long-tail": partial(_of_class, population="all"),
    "confusion-flow": _flow,
    "cascade": _forgotten,
    "layers": _forgotten,
    "risk-difference": _value,
    "attribute-pairs": _value,
    "over-representation": _value,
    "deciles": _tenth,
}
