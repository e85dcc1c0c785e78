"""Attributes: what PIEs have more of, beside seed noise, and error rates within subgroups."""

from functools import partial

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.figures.deciles import deciles
from analysis.figures.over_representation import over_representation
from analysis.presentation.formatting import count, percent
from analysis.results.code import table_code
from dashboard import context as contexts
from dashboard import data, pending, state
from dashboard.commands import typed
from dashboard.context import Context
from dashboard.figure_panel import figure, listing, note
from dashboard.frames import frame
from dashboard.gallery.filters import class_choice
from dashboard.gallery.variant_control import variant_filter
from dashboard.links import open_values
from dashboard.text import plain
from dashboard.views import attributes_all

_SHARES = {
    "image_share": "Share of images",
    "pie_share": "Share of PIEs",
}
_RATES = {
    "dense_fpr": "FPR dense",
    "fpr": "FPR",
    "dense_fnr": "FNR dense",
    "fnr": "FNR",
}
_CHANGES = {
    "fpr_points": "FPR change, points",
    "fpr_times": "FPR, times dense",
    "fnr_points": "FNR change, points",
    "fnr_times": "FNR, times dense",
}


def show() -> None:
    """Show all metadata columns side by side, or one alone, of one variant."""
    context = contexts.current()
    _ = context.variant
    kinds = context.results.attribute_kinds()
    usable = kinds[kinds["categorical"] | kinds["numeric"]].set_index("attribute")
    if usable.empty:
        _none(context, kinds)
        return
    pending.is_pending(context)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant_filter(context)
        with st.container(key="filter-attribute", width=260):
            names = list(usable.index)
            only = names[0] if len(names) == 1 and not usable["is_id"].iloc[0] else None
            attribute = st.selectbox(
                "Attribute",
                names,
                index=None,
                placeholder="All side by side",
                **state.local("attribute", only, names),
            )
    if attribute is None:
        attributes_all.show(context)
        return
    if usable.loc[attribute, "categorical"]:
        if context.manifest.is_single(context.variant):
            pairs = context.results.attribute_pairs(context.variant)
            attributes_all.pairs(context, pairs, attribute)
        _values(context, attribute)
        _subgroups(context, attribute, usable)
    if usable.loc[attribute, "numeric"]:
        _numbers(context, attribute)


def _none(context: Context, kinds: pd.DataFrame) -> None:
    st.info(
        "The images of this sweep have no metadata to compare PIEs with. Columns of a CSV, Parquet "
        "or JSON-lines file are joined to them by image_id or path:",
        icon=":material/label_off:",
    )
    st.code(typed(("join", context.manifest.name, "FILE")), language="bash", wrap_lines=True)
    for attribute, reason in zip(kinds["attribute"], kinds["reason"], strict=True):
        st.caption(f"{plain(attribute)}: {plain(reason)}")


def _values(context: Context, attribute: str) -> None:
    rows = context.results.attributes(context.variant, attribute=attribute, wait=False)
    filtered_by = data.categories(context.results)
    code = table_code(context.results, "attributes", context.variant, attribute=attribute)
    attributes_all.risks(
        context, rows, code, attributes_all.open_value if attribute in filtered_by else None
    )
    st.header("What PIEs are made of", anchor=False)
    figure(
        context,
        over_representation(rows, note=note(context, context.variant)),
        rows,
        name="over-representation",
        code=code,
        variant_id=context.variant,
        on_click=(lambda point: attributes_all.open_value(context, point["customdata"]))
        if attribute in filtered_by
        else None,
    )
    st.caption(attributes_all.COMPOSITION + _WORDS_CLICK * (attribute in filtered_by))
    risks, ratios = attributes_all.RISKS, attributes_all.RATIOS
    in_points = {name: 100 * rows[name].astype(float) for name in risks}
    shown = rows.assign(**in_points)[["value", "n_images", "n_pies", *risks, *_SHARES, *ratios]]
    number = st.column_config.NumberColumn
    frame(
        shown.astype({"value": "string"}),
        column_config={"value": "Value", "n_images": "Images", "n_pies": "PIEs"}
        | {name: number(label, format="percent") for name, label in _SHARES.items()}
        | attributes_all.points_columns(list(risks))
        | {name: number(label, format="%.2f") for name, label in ratios.items()},
    )
    missing = int(rows["n_missing"].max()) if len(rows) else 0
    if missing:
        st.caption(f"{count(missing)} images have no value and are left out.")


_WORDS_CLICK = " Click a value to see its PIEs."


def _subgroups(context: Context, attribute: str, usable: pd.DataFrame) -> None:
    st.header("Subgroups", anchor=False)
    names = context.results.class_names
    others = [
        name for name in usable.index[usable["categorical"].astype(bool)] if name != attribute
    ]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        positive = class_choice(
            names,
            context.results.class_sizes,
            "Positive class",
            default=1 if len(names) == 2 else 0,
            help="One class against the rest: FPR is how often another image is taken for it, FNR "
            "how often it is missed.",
        )
        with st.container(width=260):
            second = st.selectbox(
                "Crossed with",
                others,
                index=None,
                placeholder="Nothing",
                **state.local("crossed", None, others),
            )
    by = [attribute, second] if second else [attribute]
    if second:
        crossed = context.results.attributes(context.variant, by=by, wait=False)
        code = table_code(context.results, "attributes", context.variant, by=by)
        is_filtered = {*by} <= data.categories(context.results).keys()
        opened = partial(attributes_all.open_both, by) if is_filtered else None
        attributes_all.risks(context, crossed, code, opened)
    rows = context.results.subgroups(context.variant, by=by, positive=positive)
    number = st.column_config.NumberColumn
    listing(
        context,
        _with_changes(rows)[["value", "n_images", "n_positive", *_RATES, *_CHANGES]],
        rows,
        name="subgroups",
        code=table_code(context.results, "subgroups", context.variant, by=by, positive=positive),
        columns={"value": "Subgroup", "n_images": "Images", "n_positive": "Positives"}
        | {name: number(label, format="percent") for name, label in _RATES.items()}
        | {
            name: number(label, format="%.3g ×" if "times" in name else "%+.2f")
            for name, label in _CHANGES.items()
        },
    )
    st.caption(
        "Means over runs. Changes are in percentage points, and as a multiple of the dense rate; "
        "rates over few images move by chance alone, and where the dense rate is 0 there is no "
        "multiple."
    )


def _with_changes(rows: pd.DataFrame) -> pd.DataFrame:
    """Add by how many points each rate changed, and how many times the dense one it is."""
    shown = rows.astype({"value": "string"})
    for rate in ("fpr", "fnr"):
        change = rows[rate].astype(float) - rows[f"dense_{rate}"].astype(float)
        shown[f"{rate}_points"] = 100 * change
        shown[f"{rate}_times"] = 1 + rows[f"{rate}_change"].astype(float)
    return shown


def _numbers(context: Context, attribute: str) -> None:
    rows = context.results.numeric_attributes(context.variant, attribute=attribute, wait=False)
    if rows.empty:
        return
    row = rows.iloc[0]
    tenths = context.results.attribute_deciles(context.variant, attribute=attribute, wait=False)
    st.header(f"PIE excess by {plain(attribute)}", anchor=False)
    figure(
        context,
        deciles(tenths, note=note(context, context.variant)),
        tenths,
        name="deciles",
        code=table_code(context.results, "attribute_deciles", context.variant, attribute=attribute),
        variant_id=context.variant,
        on_click=partial(open_values, context, f"{schema.META_PREFIX}{attribute}"),
    )
    st.header(f"Mean of {plain(attribute)}", anchor=False)
    cells = (
        ("On PIEs", row["mean_on_pies"], f"{count(row['n_pies'])} images"),
        ("On non-PIEs", row["mean_on_non_pies"], f"p = {row['p']:.3g}, Mann-Whitney"),
        (
            "Non-PIEs of the same classes",
            row["matched_mean_on_non_pies"],
            f"p = {row['van_elteren_p']:.3g}, van Elteren",
        ),
    )
    for place, (label, value, words) in zip(st.columns(len(cells)), cells, strict=True):
        place.metric(label, "–" if pd.isna(value) else f"{value:.4g}")
        place.caption(words if "nan" not in words else "not tested")
    if pd.notna(row["difference_low"]):
        beside = "does" if row["difference_low"] <= 0 <= row["difference_high"] else "does not"
        st.markdown(
            f"Mean over the PIEs of variant halves minus that over A/A PIEs: "
            f"{row['difference']:+.4g} (95 % {row['difference_low']:+.4g} to "
            f"{row['difference_high']:+.4g}, over images), an interval that {beside} hold 0. It is "
            "a difference of composition, not of what compression adds."
        )
    else:
        st.caption(
            "Any set of images chosen by disagreement is unlike the rest, and there are no A/A "
            "PIEs, of seeds alone, to compare these with: they take two dense runs, better ten."
        )
    chance = row["probability_larger"]
    if pd.notna(chance):
        st.caption(
            f"A PIE has the larger value in {percent(chance)} of all pairs with a non-PIE; "
            f"{count(row['n_classes_unmatched'])} classes could not be matched."
        )
    listing(
        context,
        rows.drop(columns=[schema.VARIANT_ID]),
        rows,
        name="numeric",
        code=table_code(
            context.results, "numeric_attributes", context.variant, attribute=attribute
        ),
        columns={},
    )
