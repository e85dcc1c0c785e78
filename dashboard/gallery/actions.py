"""What can be done with the images of the gallery.

Select, tag, export, keep the view, copy as code.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import streamlit as st

from analysis import schema
from analysis.presentation.formatting import count
from analysis.results.code import literal, table_code, where_in
from dashboard import data, export_panel, permissions, report_panel
from dashboard.address import WHOLE
from dashboard.context import Context
from dashboard.gallery import kept, selected, slices, sorts
from dashboard.gallery.query import Found
from dashboard.gallery.range_keys import is_metadata, sort_of_range
from dashboard.gallery.sort_keys import Sort, sort_of
from dashboard.gallery.tiles import chips
from dashboard.selection import Selection

_CLASS_COLUMNS = {
    "label": schema.LABEL, "dense": "dense_modal_label", "variant": "modal_label",
}  # fmt: skip

_SCORES = {
    "tied": '(table["tied_scores"] > 0)',
    "no-answer": f'(table["modal_label"] == {schema.NO_ANSWER})',
}


def gallery_code(context: Context, found: Found) -> str:
    """Write the lines for what is meant: the selected images, else the rule of the filters."""
    lines = table_code(context.results, "images", context.variant)
    if len(selected.ids(context)):
        return lines + where_in(schema.IMAGE_ID, selected.meant(context, found).tolist())
    return lines + _filters(context) + _order(context)


def _filters(context: Context) -> str:
    selection, names = context.selection, context.results.class_names
    lines = {"pies": _kept('table["is_pie"]'), "non-pies": _kept('~table["is_pie"]')}.get(
        selection.population, ""
    )
    if selection.kinds:
        lines += where_in("kind", list(selection.kinds))
    for column, chosen in (
        (_CLASS_COLUMNS[selection.class_of], selection.classes),
        ("modal_label", selection.becomes),
    ):
        if chosen:
            lines += where_in(column, [names.index(name) for name in chosen])
    if selection.not_classes:
        left_out = [names.index(name) for name in selection.not_classes]
        lines += _kept(f'~table["{_CLASS_COLUMNS[selection.class_of]}"].isin({literal(left_out)})')
    lines += _sets(selection)
    for column, (low, high) in (
        ("agreement", selection.agreement),
        ("vote_distance", selection.distance),
    ):
        if (low, high) != WHOLE:
            lines += _kept(f'(100 * table["{column}"]).round(3).between({low}, {high})')
    if selection.scores:
        lines += _kept(" | ".join(_SCORES[one] for one in selection.scores))
    known = sorts.ranged(context)
    for one in (one for one in selection.ranges if one.column in known):
        values = _expression(context, sort_of_range(one.column))
        lines += _kept(f"({values}).between({one.low!r}, {one.high!r})")
    return lines + _metadata(selection) + _tag_lines(context) + _slice_lines(context)


def _sets(selection: Selection) -> str:
    """Write the lines that keep the images that are PIEs, or none, of other variants."""
    lines = ""
    for sign, variants in (("", selection.pie_in), ("~", selection.not_pie_in)):
        for one in variants:
            lines += (
                f"\nother = sweep.images({literal(one)})"
                f'\nis_other = table["image_id"].isin(other.loc[other["is_pie"], "image_id"])'
                f"\ntable = table[{sign}is_other]"
            )
    return lines


def _metadata(selection: Selection) -> str:
    lines = "\nmetadata = sweep.metadata()" if selection.meta else ""
    for column in dict.fromkeys(column for column, _ in selection.meta):
        values = [value for name, value in selection.meta if name == column]
        name = literal(f"{schema.META_PREFIX}{column}")
        lines += (
            f"\nchosen = metadata[{name}].astype('string').isin({literal(values)})"
            '\ntable = table[table["image_id"].isin(metadata.loc[chosen, "image_id"])]'
        )
    return lines


def _tag_lines(context: Context) -> str:
    tags, lines = data.marks(context.results.folder).tags, ""
    for sign, names in (("", context.selection.tags), ("~", context.selection.not_tags)):
        if names:
            chosen = sorted({image_id for tag in names for image_id in tags.get(tag, ())})
            lines += _kept(f'{sign}table["image_id"].isin({literal(chosen)})')
    return lines


def _slice_lines(context: Context) -> str:
    """Write the lines that keep the images of named slices, and those selected on the map."""
    masks = slices.masks(context.results, context.selection).values()
    return "".join(where_in(schema.IMAGE_ID, np.flatnonzero(mask).tolist()) for mask in masks)


def _order(context: Context) -> str:
    selection = context.selection
    key = _expression(context, sort_of(selection.sort))
    return (
        f"\ntable = table.assign(key={key})"
        f'.sort_values("key", ascending={selection.order == "asc"}, kind="stable")'
        '.drop(columns="key")'
    )


def _expression(context: Context, sort: Sort) -> str:
    """Write the values of a sort, of the images in the table."""
    whole = ""
    if sort.key == "stability":
        whole = f"sweep.stability({literal(context.variant)})"
    elif is_metadata(sort.key):
        whole = "sweep.metadata()"
    if whole:
        return f"{whole}[{literal(sort.column)}].reindex(table.index)"
    return sort.expression


def _kept(condition: str) -> str:
    return f"\ntable = table[{condition}]"


def bar(context: Context, found: Found) -> None:
    """Draw the row of actions; what a button hides is made when it is opened."""
    chosen, meant = selected.ids(context), selected.meant(context, found)
    is_writable = not permissions.is_read_only()
    with st.container(horizontal=True, vertical_alignment="center", key="gallery-actions"):
        st.button(
            f"Select all {count(len(found.ids))}",
            icon=":material/select_all:",
            disabled=not len(found.ids) or bool(np.isin(found.ids, chosen).all()),
            help="Every image that the filters let through, on all pages. Tick a tile to select "
            "it, with Shift all from the last one to it.",
            on_click=selected.select,
            args=(context, found.ids),
            key="select-all",
        )
        st.button(
            f"Clear {count(len(chosen))} selected" if len(chosen) else "None selected",
            icon=":material/deselect:",
            disabled=not len(chosen),
            on_click=selected.clear,
            args=(context,),
            key="select-none",
        )
        take = f"Export {count(len(meant))}"
        with _opened(take, "ios_share", "take-along", disabled=not len(meant)) as is_open:
            if is_open:
                export_panel.block(context, meant, key="gallery", words=_rule(context, chosen))
        with _opened("Report", "description", "report") as is_open:
            if is_open:
                report_panel.view_report(context, meant.tolist(), _rule(context, chosen))
        if is_writable:
            with _opened(f"Tag {count(len(meant))}", "sell", "tag") as is_open:
                if is_open:
                    kept.tags(context, meant)
        with _opened("Views", "bookmark", "views") as is_open:
            if is_open:
                kept.views(context, is_writable)
        with _opened("Code", "code", "code") as is_open:
            if is_open:
                st.caption("These images in a notebook, in this order.")
                st.code(gallery_code(context, found), language="python", wrap_lines=True)
    kept.show_outcome(context)


@contextmanager
def _opened(label: str, icon: str, key: str, *, disabled: bool = False) -> Iterator[bool]:
    """Draw a popover; tell whether it is open."""
    popover = st.popover(
        label,
        icon=f":material/{icon}:",
        disabled=disabled,
        key=f"gallery-{key}",
        on_change="rerun",
    )
    with popover:
        yield bool(popover.open)


def _rule(context: Context, chosen: selected.Ids) -> str:
    """Say how the images were chosen."""
    if len(chosen):
        return "selected by hand"
    rules = [chip["text"] for chip in chips(context.selection)]
    return "; ".join(rules) or "all PIEs"
