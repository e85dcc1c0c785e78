"""Robustness: what variants keep of their accuracy on shifted images, against dense."""

from functools import partial

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.figures.shifts import (
    ShiftGrid,
    robustness_curve,
    robustness_heatmap,
    robustness_info,
    shift_pairs_heatmap,
)
from analysis.presentation.pair_findings import pairs_under_shifts
from analysis.results.code import table_code, where
from analysis.sweep.command import sweep_words
from dashboard import context as contexts
from dashboard import state
from dashboard.commands import typed
from dashboard.context import Context
from dashboard.figure_panel import figure, note
from dashboard.frames import frame
from dashboard.links import open_on_curve, open_under_shift
from dashboard.shell import guarded
from dashboard.text import plain

_ABOUT = (
    "A shift is another set of images for the same classes: the test images corrupted (noise, "
    "blur, weather, digital), or images of your own. Every run is divided by its own clean "
    "accuracy, so a compressed model is not called fragile for being less accurate altogether; "
    "what it keeps is then compared with what dense keeps."
)
_METRICS = {"top1": "Top-1 accuracy", "top5": "Top-5 accuracy"}


def show() -> None:
    """Show what is kept under every shift, or how to make shifts."""
    context = contexts.current()
    _ = context.variant
    st.write(_ABOUT)
    if not context.manifest.shifts:
        _how_to(context)
        return
    with st.spinner("Computing the accuracies under shift"):
        table = context.results.robustness()
    if table.empty:
        st.info("No compressed variant has runs on a shift yet.", icon=":material/inbox:")
        return
    st.fragment(guarded(lambda: _figures(context)))()
    _listing(context)


def _how_to(context: Context) -> None:
    if context.manifest.origin == "imported":
        st.info(
            "This sweep has no shifts: its predictions were imported, and predicting on other "
            "images takes the models.",
            icon=":material/inbox:",
        )
        return
    st.info("This sweep has no shifts yet.", icon=":material/inbox:")
    st.write(
        "This command adds all corruptions at severity 3. The models are there already: nothing "
        "is trained again, and the results so far stay as they are."
    )
    known = context.manifest.config.options
    more = ("--corruptions", "all")
    # Without its options a sweep cannot be repeated: what stands for them must be filled in.
    words = (*sweep_words(context.manifest), *more)
    command = typed(words) if known else f"… {' '.join(more)}"
    st.code(command, language="bash", wrap_lines=True)
    st.write("Images of your own, in folders named after the classes, are added with this option:")
    st.code("--shift phone=folder:path/to/images", language="bash")


def _figures(context: Context) -> None:
    table = context.results.robustness()
    with st.container(key="filter-robustness-metric", width=240):
        metric = st.selectbox(
            "Metric",
            list(_METRICS),
            format_func=lambda one: _METRICS[one],
            **state.local("metric", next(iter(_METRICS)), list(_METRICS)),
        )
    rows = table[table["metric"] == metric]
    info = robustness_info(table, metric=metric)
    pairs = context.results.shift_pairs()
    code = table_code(context.results, "robustness") + where("metric", metric)
    if metric == "top1" and len(pairs):
        _single_models(context, pairs)
    else:
        st.write(_said(info))
        drawn = robustness_heatmap(table, metric=metric, note=note(context))
        figure(
            context,
            drawn,
            rows,
            name="robustness",
            code=code,
            on_click=partial(open_under_shift, context),
        )
        st.caption(
            "Tests are over runs: Welch's t, and the paired t where a variant's runs are made "
            "from, or share a first phase with, the dense runs of their seeds. q is over all cells."
        )
    with st.container(key="filter-shift", width=360):
        shifts = list(info.shifts)
        shift = st.selectbox("Shift", shifts, **state.local("shift", shifts[0], shifts))
    if shift is not None:
        of_shift = rows[rows[schema.SHIFT] == shift]
        drawn = robustness_curve(table, shift=shift, metric=metric, note=note(context))
        code += where(schema.SHIFT, shift)
        figure(
            context,
            drawn,
            of_shift,
            name=f"robustness-{shift}",
            code=code,
            on_click=partial(open_on_curve, context),
        )


def _single_models(context: Context, pairs: pd.DataFrame) -> None:
    """Show pairs of single models under every shift, compared image by image."""
    clean = context.results.pairs()
    st.write(plain(pairs_under_shifts(pairs)))
    drawn = shift_pairs_heatmap(pairs, clean, note=note(context))
    code = table_code(context.results, "shift_pairs")
    figure(
        context,
        drawn,
        pairs,
        name="shift-pairs",
        code=code,
        on_click=partial(open_under_shift, context),
    )
    st.caption(
        "McNemar's exact test over the images of a shift, with these two models as they are; q is "
        "over all cells but the first row. Whether other seeds would do the same takes two runs a "
        "variant; ten make it sharp."
    )


def _said(info: ShiftGrid) -> str:
    """Say in words what is significant, in either direction."""
    if not info.n_tested:
        return (
            "Nothing can be tested: that needs two runs of both sides that are not all alike. "
            "The differences below may be chance."
        )
    if not info.n_worse and not info.n_better:
        return (
            f"**No variant differs significantly from dense under any shift** (q ≤ 0.05, "
            f"{info.n_tested} comparisons). That is no proof of equal robustness: more seeds would "
            "show smaller differences."
        )
    left = info.n_tested - info.n_worse - info.n_better
    return (
        f"Of {info.n_tested} comparisons of a variant with dense, the variant keeps **less in "
        f"{info.n_worse}** and **more in {info.n_better}** (q ≤ 0.05); {left} show no significant "
        "difference."
    )


def _listing(context: Context) -> None:
    with st.expander("The shifts"):
        frame(
            context.results.shifts,
            column_config={
                "n_images": st.column_config.NumberColumn("images"),
                "n_done": st.column_config.NumberColumn("runs done"),
                "n_runs": st.column_config.NumberColumn("runs"),
            },
        )
        for shift in context.manifest.shifts:
            for text in shift.notes:
                st.caption(plain(text))
            if shift.left_out:
                st.caption(plain(f"{shift.name}: files left out: {len(shift.left_out)}"))
            if shift.failed:
                run, why = next(iter(shift.failed.items()))
                st.warning(
                    plain(f"{shift.name}: {len(shift.failed)} runs failed, such as {run}: {why}"),
                    icon=":material/error:",
                )
