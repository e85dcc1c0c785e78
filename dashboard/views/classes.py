"""Classes: which classes moved against overall accuracy, by how much, and into what."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.figures.class_heatmap import class_heatmap, most_changed
from analysis.figures.class_impact import class_impact, usual_rule
from analysis.results.code import table_code, where_contains, where_in
from dashboard import context as contexts
from dashboard import state
from dashboard.context import Context
from dashboard.figure_panel import figure, listing, note, side_by_side
from dashboard.gallery.variant_control import variant_filter
from dashboard.links import open_gallery
from dashboard.shell import guarded
from dashboard.views import class_losses, confusion_pairs

FEW = 40
_SORTS = {
    "normalized_recall_delta": "Normalized change",
    "recall_delta": "Change of recall",
    "q_two_way": "q",
    "loss_upper": "Loss at most",
    "dense_recall": "Dense recall",
    "n_images": "Images",
    "class_id": "Class id",
}
_RULES = {"q_two_way": "q ≤ 0.05", "p": "p ≤ 0.05, the paper's"}
_SINGLE_RULES = {"mcnemar_p": "McNemar's p ≤ 0.05", "mcnemar_q": "McNemar's q ≤ 0.05"}
_COLUMNS = (
    schema.CLASS_NAME, "n_images", "n_train", "dense_recall", "recall", "recall_delta",
    "normalized_recall_delta", "ci_low_two_way", "ci_high_two_way", "q_two_way", "q_sweep",
    "loss_upper", "loss_upper_named", "shrunken_delta", "mcnemar_p", "mcnemar_q", "mcnemar_low",
    "mcnemar_high", "p", "ci_low",
    "ci_high", "t", "df", "p_reference", "detectable", "image_floor",
)  # fmt: skip


def show() -> None:
    """Show the classes of one variant, and all variants in a heat map."""
    context = contexts.current()
    _ = context.variant
    classes = context.results.classes(context.variant)
    shown, code, rule, sort, top = _controls(context, classes)
    single = usual_rule(classes) == "mcnemar_p"
    if single:
        st.info(
            "One pair of models, over the images, with these two models as they are: seeds are in "
            "no test and no interval here. McNemar's exact test is of the change of each class's "
            "recall; other seeds take two runs of the dense model and of the variant, better ten.",
            icon=":material/info:",
        )
        sort = sort.replace("normalized_", "")
    elif classes["p"].isna().all():
        st.info(
            "Other seeds are in no test here: that takes at least two runs of the dense model and "
            "of the variant.",
            icon=":material/info:",
        )
    if shown.empty:
        st.info("No class has that in its name.", icon=":material/search_off:")
        return
    figure(
        context,
        class_impact(shown, rule=rule, sort=sort, top=top, note=note(context, context.variant)),
        shown,
        name="class-impact",
        code=code,
        variant_id=context.variant,
        on_click=lambda point: open_gallery(
            context, classes=(str(point["customdata"][0]),), population="all"
        ),
    )
    st.caption(
        "Changes are against dense; the normalized change is against what overall "
        "accuracy did, so gains and losses cancel: a gain may only mean that others lost. Click a "
        "class to see its images."
    )
    st.header("Table", anchor=False)
    _table(context, shown, code, sort)
    st.fragment(guarded(lambda: class_losses.show(context, shown, code)))()
    class_losses.show_long_tail(context, classes)
    st.fragment(guarded(lambda: class_losses.show_plan(context)))()
    with side_by_side("classes") as place:
        with place():
            _heatmap(context, set(shown[schema.CLASS_ID]))
        with place():
            confusion_pairs.show(context)


def _controls(
    context: Context, classes: pd.DataFrame
) -> tuple[pd.DataFrame, str, Any, str, int | None]:
    rules = _SINGLE_RULES if usual_rule(classes) == "mcnemar_p" else _RULES
    first = next(iter(rules))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant_filter(context)
        with st.container(key="filter-rule", width="content"):
            rule = st.segmented_control(
                "Significant at",
                list(rules),
                required=True,
                format_func=lambda one: rules[one],
                help="q: other seeds and other images, false discoveries held at 5 % "
                "(Benjamini-Hochberg). p: other seeds on these images, each class by itself; one "
                "in twenty by chance. McNemar: other images, with these two models.",
                **state.local("rule", first, list(rules)),
            )
        with st.container(width=200):
            sort = st.selectbox(
                "Sort by",
                list(_SORTS),
                format_func=lambda one: _SORTS[one],
                **state.local("order_by", next(iter(_SORTS)), list(_SORTS)),
            )
        with st.container(width=200):
            text = st.text_input(
                "Search", placeholder="Part of a class name", **state.local("search", "")
            )
        top = None
        if len(classes) > FEW:
            with st.container(width=150):
                top = st.number_input(
                    "Top and bottom",
                    5,
                    len(classes),
                    **state.local("top", FEW // 2, range(5, len(classes) + 1)),
                )
    code = table_code(context.results, "classes", context.variant)
    if text.strip():
        code += where_contains(schema.CLASS_NAME, text.strip())
        names = classes[schema.CLASS_NAME].astype(str)
        classes = classes[names.str.contains(text.strip(), case=False, regex=False)]
    return classes, code, rule or first, sort or "normalized_recall_delta", top


def _table(context: Context, classes: pd.DataFrame, code: str, sort: str) -> None:
    """List the classes as they are sorted in the figure; a row opens their images."""
    classes = classes.sort_values(sort, kind="stable", na_position="last").reset_index(drop=True)
    number = st.column_config.NumberColumn
    shares = {
        "dense_recall": number("Dense recall", format="percent"),
        "recall": number("Recall", format="percent"),
    }
    points = {
        name: number(label, format="%+.2f", help="Percentage points.")
        for name, label in (
            ("recall_delta", "Change"),
            ("normalized_recall_delta", "Normalized"),
            ("ci_low_two_way", "95 % from"),
            ("ci_high_two_way", "95 % to"),
            ("mcnemar_low", "Change, 95 % from"),
            ("mcnemar_high", "Change, 95 % to"),
            ("loss_upper", "Loss at most"),
            ("loss_upper_named", "… as one of all"),
            ("shrunken_delta", "Shrunken"),
            ("ci_low", "Runs alone from"),
            ("ci_high", "Runs alone to"),
            ("detectable", "Seeds tell"),
            ("image_floor", "Images tell"),
        )
    }
    known = [name for name in _COLUMNS if name in classes and classes[name].notna().any()]
    in_points = {name: 100 * classes[name].astype(float) for name in points if name in known}
    listing(
        context,
        classes.assign(**in_points)[known].astype({schema.CLASS_NAME: "string"}),
        classes,
        name="class-table",
        code=f"{code}\n\ntable = table.sort_values({sort!r}, kind='stable').reset_index(drop=True)",
        on_click=lambda row: open_gallery(
            context, classes=(str(classes[schema.CLASS_NAME].iloc[row]),), population="all"
        ),
        columns=shares
        | points
        | {schema.CLASS_NAME: "Class", "n_images": "Images", "n_train": "Training images"}
        | {
            name: number(label, format="%.3g")
            for name, label in (
                ("q_two_way", "q"),
                ("q_sweep", "q, sweep"),
                ("p", "p, the paper's"),
                ("mcnemar_p", "p, McNemar"),
                ("mcnemar_q", "q, McNemar"),
                ("t", "t"),
                ("df", "df"),
                ("p_reference", "p, reference"),
            )
        },
        height=min(38 + 35 * len(classes), 440),
    )


def _heatmap(context: Context, class_ids: set[int]) -> None:
    classes = context.results.classes()
    kept = classes[classes[schema.CLASS_ID].isin(class_ids)]
    code = table_code(context.results, "classes")
    if len(kept) < len(classes):
        code += where_in(schema.CLASS_ID, sorted(class_ids))
    if len(class_ids) > FEW * 3:
        kept = most_changed(kept, FEW)
        code += (
            "\n\nfrom analysis.figures.class_heatmap import most_changed"
            f"\n\ntable = most_changed(table, {FEW})"
        )
        st.caption(f"The {FEW} classes that changed most of {len(class_ids):,}.")
    figure(
        context,
        class_heatmap(kept, note=note(context)),
        kept,
        name="class-heatmap",
        code=code,
        on_click=lambda point: open_gallery(
            context,
            classes=(str(point["customdata"][0]),),
            variant=str(point["customdata"][1]),
            population="all",
        ),
    )
