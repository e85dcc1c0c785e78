"""Classes: which classes moved against overall accuracy, by how much, and into what."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.figures.class_heatmap import class_heatmap, most_changed
from analysis.figures.class_impact import class_impact, usual_rule
from analysis.figures.confusion import confusion_flow
from analysis.results.code import table_code, where_contains, where_in
from dashboard import context as contexts
from dashboard import state
from dashboard.context import Context
from dashboard.figure_panel import figure, note, side_by_side
from dashboard.gallery.filters import variant_filter
from dashboard.links import open_gallery

FEW = 40
_SORTS = {
    "normalized_recall_delta": "Normalized change",
    "recall_delta": "Change of recall",
    "p": "p",
    "dense_recall": "Dense recall",
    "n_images": "Images",
    "class_id": "Class id",
}
_RULES = {"p": "p ≤ 0.05", "q": "q ≤ 0.05"}
_COLUMNS = (
    schema.CLASS_NAME, "n_images", "dense_recall", "recall", "recall_delta",
    "normalized_recall_delta", "ci_low", "ci_high", "p", "q", "mcnemar_p", "mcnemar_q", "t", "df",
    "p_reference", "paired_p", "detectable",
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
            "One pair of models: McNemar's exact test of the change of each class's recall, over "
            "the images, with these two models as they are. Intervals and tests against overall "
            "accuracy take two runs of the dense model and of the variant, better ten.",
            icon=":material/info:",
        )
        rule, sort = f"mcnemar_{rule}", sort.replace("normalized_", "")
    elif classes["p"].isna().all():
        st.info(
            "No class can be tested: that takes at least two runs of the dense model and of the "
            "variant.",
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
    _table(shown)
    with side_by_side("classes") as place:
        with place():
            _heatmap(context, set(shown[schema.CLASS_ID]))
        with place():
            _confusion(context)


def _controls(
    context: Context, classes: pd.DataFrame
) -> tuple[pd.DataFrame, str, Any, str, int | None]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=220):
            variant_filter(context)
        with st.container(key="filter-rule", width="content"):
            rule = st.segmented_control(
                "Significant at",
                list(_RULES),
                required=True,
                format_func=lambda one: _RULES[one],
                help="p: each class by itself, the paper's rule; one in twenty by chance. q: "
                "false discoveries held at 5 % (Benjamini-Hochberg).",
                **state.local("rule", "p", list(_RULES)),
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
    return classes, code, rule or "p", sort or "normalized_recall_delta", top


def _table(classes: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    points = {
        name: number(label, format="percent")
        for name, label in (
            ("dense_recall", "Dense recall"),
            ("recall", "Recall"),
            ("recall_delta", "Change"),
            ("normalized_recall_delta", "Normalized"),
            ("ci_low", "95 % from"),
            ("ci_high", "95 % to"),
            ("detectable", "Detectable"),
        )
    }
    known = [name for name in _COLUMNS if name in classes and classes[name].notna().any()]
    st.dataframe(
        classes[known].astype({schema.CLASS_NAME: "string"}),
        hide_index=True,
        column_config=points
        | {schema.CLASS_NAME: "Class", "n_images": "Images"}
        | {
            name: number(label, format="%.3g")
            for name, label in (
                ("p", "p"),
                ("q", "q"),
                ("mcnemar_p", "p, McNemar"),
                ("mcnemar_q", "q, McNemar"),
                ("t", "t"),
                ("df", "df"),
                ("p_reference", "p, reference"),
                ("paired_p", "p, paired"),
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
        _clickable(class_heatmap(kept, note=note(context))),
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


def _confusion(context: Context) -> None:
    pies = context.results.pies(context.variant)
    figure(
        context,
        _clickable(
            confusion_flow(
                pies,
                class_names=context.results.class_names,
                note=note(context, context.variant),
            )
        ),
        pies,
        name="confusion",
        code=table_code(context.results, "pies", context.variant),
        variant_id=context.variant,
        on_click=lambda point: open_gallery(
            context,
            classes=(str(point["customdata"][0]),),
            class_of="dense",
            becomes=(str(point["customdata"][1]),),
        ),
    )


def _clickable(drawn: Any) -> Any:
    """Lay unseen points over the cells of a heat map, whose own cells cannot be selected."""
    for heatmap in [trace for trace in drawn.data if trace.type == "heatmap"]:
        cells = [
            (x, y, [*heatmap.customdata[y][x], value])
            for y, row in enumerate(heatmap.z)
            for x, value in enumerate(row)
            if value is not None and value == value
        ]
        last = len(cells[0][2]) - 1 if cells else 0
        # The points lie above the cells and take the pointer, so they say what the cells would.
        drawn.add_scatter(
            x=[x for x, _, _ in cells],
            y=[y for _, y, _ in cells],
            customdata=[custom for _, _, custom in cells],
            hovertemplate=heatmap.hovertemplate.replace("%{z", f"%{{customdata[{last}]"),
            mode="markers",
            marker={"size": 22, "symbol": "square", "opacity": 0},
            showlegend=False,
            name="",
        )
    return drawn
