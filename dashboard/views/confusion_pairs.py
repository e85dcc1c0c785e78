"""Classes, at the end: which classes PIEs left and which they went to, as a matrix or as pairs."""

import pandas as pd
import streamlit as st

from analysis.figures.confusion import confusion_flow, label_pairs
from analysis.presentation.formatting import count
from analysis.results.code import table_code
from dashboard import state
from dashboard.context import Context
from dashboard.figure_panel import figure, listing, note
from dashboard.links import open_gallery
from dashboard.text import plain

# A matrix of more classes has more cells than anybody reads, nearly all of them empty.
LARGEST_MATRIX = 40


def show(context: Context) -> None:
    """Show the flow of the PIEs of the chosen variant between classes.

    Parameters
    ----------
    context : Context
        The open sweep.
    """
    pies, names = context.results.pies(context.variant), context.results.class_names
    if len(names) <= LARGEST_MATRIX:
        figure(
            context,
            confusion_flow(pies, class_names=names, note=note(context, context.variant)),
            pies,
            name="confusion",
            code=table_code(context.results, "pies", context.variant),
            variant_id=context.variant,
            on_click=lambda point: _open(context, *point["customdata"][:2]),
        )
        return
    pairs = label_pairs(pies, class_names=names)
    st.header("Label pairs of the PIEs", anchor=False)
    with st.container(key="filter-pair", width=300):
        text = st.text_input(
            "Search in both classes",
            placeholder="Part of a class name",
            **state.local("pair", ""),
        ).strip()
    shown = _with_text(pairs, text) if text else pairs
    st.caption(
        f"{count(len(shown))} of {count(len(pairs))} pairs of a dense and another label, the most "
        f"frequent first, of {count(int(pairs['n_pies'].sum()))} PIEs. A row opens its images."
        if len(shown)
        else f"No class of a pair has “{plain(text)}” in its name."
    )
    if shown.empty:
        return
    listing(
        context,
        shown.astype({"dense": "string", "variant": "string"}),
        shown,
        name="label-pairs",
        code=_code(context, text),
        columns={
            "dense": "Dense says", "variant": "Variant says", "n_pies": "PIEs",
            "share": st.column_config.NumberColumn("Of all PIEs", format="percent"),
        },
        height=440,
        on_click=lambda row: _open(context, shown["dense"].iloc[row], shown["variant"].iloc[row]),
    )  # fmt: skip


def _with_text(pairs: pd.DataFrame, text: str) -> pd.DataFrame:
    found = [
        pairs[side].astype(str).str.contains(text, case=False, regex=False)
        for side in ("dense", "variant")
    ]
    return pairs[found[0] | found[1]].reset_index(drop=True)


def _code(context: Context, text: str) -> str:
    code = table_code(context.results, "pies", context.variant)
    code += (
        "\n\nfrom analysis.figures.confusion import label_pairs"
        "\n\ntable = label_pairs(table, class_names=sweep.class_names)"
    )
    if text:
        both = " | ".join(
            f'table["{side}"].str.contains({text!r}, case=False, regex=False)'
            for side in ("dense", "variant")
        )
        code += f"\ntable = table[{both}].reset_index(drop=True)"
    return code


def _open(context: Context, dense: str, variant: str) -> None:
    open_gallery(context, classes=(str(dense),), class_of="dense", becomes=(str(variant),))
