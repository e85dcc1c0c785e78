"""Attributes side by side: every value of every attribute, a row each; one pair of models too."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Literal

import pandas as pd
import streamlit as st

from analysis.figures.attribute_pairs import attribute_pairs, sign_of
from analysis.figures.over_representation import over_representation
from analysis.figures.risk_difference import risk_difference
from analysis.presentation.attribute_findings import of_attribute_pairs, of_risks
from analysis.results.code import table_code, where
from dashboard import data, state
from dashboard.context import Context
from dashboard.figure_panel import figure, listing, note
from dashboard.links import open_gallery
from dashboard.text import html_text

_PAIR = {
    "dense_top1": "Dense",
    "top1": "Variant",
    "top1_delta": "Change",
    "ci_low": "95 % from",
    "ci_high": "95 % to",
}
_SHARES = {
    "image_share": "Share of images",
    "pie_share": "Share of PIEs",
    "pies_of_value": "PIEs within value",
}
RISKS = {
    "risk_difference": "Added",
    "risk_difference_low": "Added from",
    "risk_difference_high": "Added to",
    "contrast": "Against others",
    "contrast_low": "Contrast from",
    "contrast_high": "Contrast to",
}
RATIOS = {
    "over_representation": "Times as often",
    "aa_over_representation": "A/A PIEs",
    "difference": "Halves' PIEs minus A/A",
    "difference_low": "Difference from",
    "difference_high": "Difference to",
}
COMPOSITION = (
    "Composition: 1 is as often among PIEs as among all images. A group whose risk doubled keeps "
    "its ratio where all groups' risks rose, so how much compression adds is above, not here. "
    "Intervals are over images."
)
# Longer tables scroll within their own height.
_ROWS, _TALLEST = 20, 560


def show(context: Context) -> None:
    """Show all attributes: what the pair of models changed, and what PIEs have more of."""
    rows = context.results.attributes(context.variant, wait=False)
    rows = rows.sort_values(["attribute"], kind="stable").reset_index(drop=True)
    if context.manifest.is_single(context.variant):
        pairs(context, context.results.attribute_pairs(context.variant))
    code = table_code(context.results, "attributes", context.variant)
    risks(context, rows, code, open_value)
    shares = {"pies_of_value": rows["n_pies"] / rows["n_images"].where(rows["n_images"] > 0)}
    table = rows.assign(**shares)
    in_points = {name: 100 * rows[name].astype(float) for name in RISKS}
    # What takes several runs is left out where there are none.
    parts = [name for name in RISKS if table[name].notna().any()]
    ratios = [name for name in RATIOS if table[name].notna().any()]
    number = st.column_config.NumberColumn
    listing(
        context,
        table.assign(**in_points)[
            ["attribute", "value", "n_images", "n_pies", *parts, *_SHARES, *ratios]
        ].astype({"attribute": "string", "value": "string"}),
        table,
        name="pies-by-value",
        height=_height(table),
        code=table_code(context.results, "attributes", context.variant),
        columns={"attribute": "Attribute", "value": "Value", "n_images": "Images", "n_pies": "PIEs"}
        | {name: number(label, format="percent") for name, label in _SHARES.items()}
        | points_columns(parts)
        | {name: number(RATIOS[name], format="%.2f") for name in ratios},
        on_click=lambda row: _alone(table["attribute"].iloc[row]),
    )
    st.caption("Choose a row to see its attribute alone.")
    st.header("What PIEs are made of", anchor=False)
    figure(
        context,
        over_representation(rows, note=note(context, context.variant)),
        rows,
        name="over-representation",
        code=table_code(context.results, "attributes", context.variant),
        variant_id=context.variant,
        on_click=lambda point: open_value(context, point["customdata"]),
    )
    st.caption(COMPOSITION)


def points_columns(names: Sequence[str]) -> dict[str, Any]:
    """Describe columns of risk differences, which are shown in percentage points.

    Parameters
    ----------
    names : sequence of str
        Columns among ``RISKS``.
    """
    number = st.column_config.NumberColumn
    return {name: number(RISKS[name], format="%+.2f", help="Percentage points.") for name in names}


def risks(
    context: Context,
    rows: pd.DataFrame,
    code: str,
    open_: Callable[[Context, Sequence[object]], None] | None = None,
) -> None:
    """Show how much likelier compression than seeds makes images of each value PIEs.

    Parameters
    ----------
    context : Context
        The open sweep.
    rows : DataFrame
        Rows of the attributes table of the chosen variant.
    code : str
        Python lines that give them.
    open_ : callable, optional
        Takes attribute and value of a mark and opens their images; without it clicks do nothing.
    """
    st.header("PIEs that compression adds", anchor=False)
    if finding := of_risks(rows):
        html_text(finding, testid="attribute-findings")
    figure(
        context,
        risk_difference(rows, note=note(context, context.variant)),
        rows,
        name="risk-difference",
        code=code,
        variant_id=context.variant,
        on_click=(lambda point: open_(context, point["customdata"])) if open_ else None,
    )


def pairs(context: Context, rows: pd.DataFrame, attribute: str | None = None) -> None:
    """Show how the accuracy of one pair of models changed by value.

    Parameters
    ----------
    rows : DataFrame
        The attribute-pairs table of the variant, all attributes: what q is corrected over.
    attribute : str, optional
        Whose values alone are shown.
    """
    if rows.empty:
        return
    code = table_code(context.results, "attribute_pairs", context.variant)
    shown = rows.sort_values(["attribute"], kind="stable").reset_index(drop=True)
    if attribute is not None:
        shown = shown[shown["attribute"] == attribute].reset_index(drop=True)
        code += where("attribute", attribute)
    st.header("Accuracy by value", anchor=False)
    html_text(of_attribute_pairs(rows), testid="attribute-pair-findings")
    figure(
        context,
        attribute_pairs(shown, note=note(context, context.variant)),
        shown,
        name="attribute-pairs",
        code=code,
        variant_id=context.variant,
        on_click=lambda point: open_value(context, point["customdata"]),
    )
    number = st.column_config.NumberColumn
    points = {name: 100 * shown[name].astype(float) for name in ("top1_delta", "ci_low", "ci_high")}
    listing(
        context,
        shown.assign(**points, changed=sign_of(shown))[
            ["attribute", "value", "n_images", *_PAIR, "mcnemar_p", "mcnemar_q", "changed",
             "flips_to_wrong", "flips_to_right"]
        ].astype({"attribute": "string", "value": "string"}),
        shown,
        name="accuracy-by-value",
        height=_height(shown),
        code=code,
        columns={
            "attribute": "Attribute", "value": "Value", "n_images": "Images",
            "changed": "At q ≤ 0.05",
            "flips_to_wrong": "To wrong", "flips_to_right": "To right",
            "mcnemar_p": number("McNemar's p", format="%.2g"),
            "mcnemar_q": number("q", format="%.2g", help="Benjamini-Hochberg over all values."),
        }
        | {
            name: number(label, format="percent" if name in ("dense_top1", "top1") else "%+.2f",
                         help="Percentage points." if name in points else None)
            for name, label in _PAIR.items()
        },
        on_click=None
        if attribute is not None
        else lambda row: _alone(shown["attribute"].iloc[row]),
    )  # fmt: skip


def _height(table: pd.DataFrame) -> int | Literal["content"]:
    return _TALLEST if len(table) > _ROWS else "content"


def _alone(attribute: object) -> None:
    """Show one attribute alone."""
    state.put_local("attribute", str(attribute))
    st.rerun()


def open_value(context: Context, custom: Sequence[object]) -> None:
    """Open the images of an attribute's value, as a mark names both."""
    if str(custom[0]) in data.categories(context.results):
        open_gallery(context, meta=((str(custom[0]), str(custom[1])),))


def open_both(by: Sequence[str], context: Context, custom: Sequence[object]) -> None:
    """Open the images of values that occur together, as a mark names them in one."""
    values = [data.categories(context.results)[name].categories for name in by]
    found = [both for both in product(*values) if " & ".join(both) == str(custom[1])]
    if len(found) == 1:  # values that hold the sign themselves can read alike
        open_gallery(context, meta=tuple(zip(by, found[0], strict=True)))
