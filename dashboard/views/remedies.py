"""Remedies: what the forgotten images share, which were to be foreseen, what keeping them costs."""

from functools import partial

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import CacheError
from analysis.export.cascade_files import SCRIPT, THRESHOLDS, cascade_contents
from analysis.figures.cascade import cascade
from analysis.figures.deciles import deciles
from analysis.figures.layers import culprit_layers
from analysis.presentation.formatting import count, percent, shortened
from analysis.presentation.layer_findings import layers_sentence
from analysis.presentation.why_findings import (
    cascade_sentence,
    forecast_sentence,
    scores_sentence,
    slices_sentence,
)
from analysis.presentation.why_missing import (
    no_cascade,
    no_forecast,
    no_layers,
    no_scores,
    no_slices,
)
from analysis.results.code import table_code
from analysis.stats.forecast import SHARES
from analysis.stats.image_scores import SCORES
from analysis.store.features import FEATURES, words_to_make
from dashboard import context as contexts
from dashboard import feature_data, state
from dashboard.commands import typed
from dashboard.context import Context
from dashboard.figure_panel import figure, note
from dashboard.frames import frame
from dashboard.gallery.variant_control import variant_filter
from dashboard.links import open_forgotten, open_gallery, open_score
from dashboard.text import plain

_LABELS = {one.name: one.about for one in SCORES}
_STAND_OUT = (
    "Groups with more excess forgetting than the other images have, on the half of the images that "
    "did not suggest them (q ≤ 0.05, other seeds and other images where runs are several):"
)
_MOST, _LEAST_SAVED = 8, 0.05
_LONGEST_NAME, _LONGEST_WORDS = 80, 200


def show() -> None:
    """Show the remedies of one variant."""
    context = contexts.current()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variant_filter(context)
    _why(context)
    _forecast(context)
    _cascade(context)
    _layers(context)
    _equal_size(context)


# --- why ------------------------------------------------------------------------------------------
def _why(context: Context) -> None:
    st.header("What the forgotten images share", anchor=False)
    results, variant_id = context.results, context.variant
    if not results.knows_reasons(variant_id) and not st.button(
        "Find slices and test scores", key="find-slices", icon=":material/search:"
    ):
        st.caption("Of so many images and runs this takes up to a minute, once.")
        return
    try:
        with st.spinner("Looking for groups of images…"):
            slices, scores = results.slices(variant_id), results.scores(variant_id)
            untested = no_slices(results, variant_id) if slices.empty else ""
    except CacheError as problem:
        if FEATURES not in str(problem):
            raise
        st.error(plain(str(problem)))  # what follows does not rest on features
        return
    if slices.empty:
        st.markdown(plain(untested or slices_sentence(slices)))
    else:
        st.markdown(_STAND_OUT)
    for row in slices.head(_MOST).to_dict("records"):
        _slice(context, row)
    if feature_data.digest(results) is None:
        st.caption("There are no features, so that no clusters are among the candidates:")
        st.code(typed(words_to_make(context.manifest)), language="bash", wrap_lines=True)
    st.markdown(plain(no_scores(results) or scores_sentence(scores)))
    if scores.empty:
        return
    names = list(dict.fromkeys(scores["score"]))
    with st.container(key="filter-score", width=340):
        chosen = st.selectbox(
            "Score",
            names,
            format_func=lambda name: name.replace("_", " "),
            **state.local("score", names[0], names),
        )
    rows = scores[scores["score"] == chosen].rename(
        columns={"score": "attribute", "n": "n_images", "low": "excess_low", "high": "excess_high"}
    )
    rows = rows.assign(attribute=str(chosen).replace("_", " "))
    figure(
        context,
        deciles(rows, note=note(context, variant_id)),
        scores[scores["score"] == chosen],
        name="score-deciles",
        code=table_code(results, "scores", variant_id),
        variant_id=variant_id,
        on_click=partial(open_score, context, str(chosen)),
    )
    n_runs = int(scores["n_score_runs"].iloc[0])
    st.caption(
        f"{_LABELS[str(chosen)]}. From {n_runs} dense runs that take no part in the excess, which "
        "is that of the others: a score of the runs that are compared would be circular."
    )


def _slice(context: Context, row: dict[str, object]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"slice-{row['slice']}"):
        st.markdown(
            plain(
                f"{shortened(row['name'], _LONGEST_NAME)}: {count(row['n'])} images, "
                f"{100 * float(str(row['risk_difference'])):+.1f} points "
                f"[{100 * float(str(row['low'])):+.1f}, {100 * float(str(row['high'])):+.1f}]. "
                f"{shortened(row['description'], _LONGEST_WORDS)}"
            )
        )
        if st.button("Gallery", key=f"open-{row['slice']}", icon=":material/grid_view:"):
            _open(context, str(row["slice"]))


def _open(context: Context, key: str) -> None:
    open_gallery(context, slices=(key,), population="all")


# --- what was to be foreseen ----------------------------------------------------------------------
def _forecast(context: Context) -> None:
    st.header("Which images compression will cost", anchor=False)
    results, variant_id = context.results, context.variant
    if missing := no_forecast(results):
        st.markdown(plain(missing))
        return
    table = results.forecast(variant_id)
    event = results.forecast_event(variant_id)
    st.markdown(plain(forecast_sentence(event, results.forecast_skill(variant_id))))
    ranked = table.sort_values("rank")
    rows = [ranked.iloc[max(round(share * len(ranked)), 1) - 1] for share in SHARES]
    shown = pd.DataFrame(
        {
            "Images looked at": [percent(share, 0) for share in SHARES],
            "Doubt at least": [float(row["score"]) for row in rows],
            f"Of all {event}, expected": [percent(row["expected_share_caught"]) for row in rows],
        }
    )
    frame(shown, column_config={"Doubt at least": st.column_config.NumberColumn(format="%.4f")})
    st.caption(
        "Doubt: 1 - mean confidence of the dense runs; of one run 1 - the margin of its two "
        "largest scores. Each image is judged by the half of the images that it is not in."
    )
    if st.button("Most doubtful first", key="open-forecast", icon=":material/grid_view:"):
        open_gallery(context, population="all", sort="forecast")


# --- cascade --------------------------------------------------------------------------------------
def _cascade(context: Context) -> None:
    st.header("Send unsure answers to the dense model", anchor=False)
    results, variant_id = context.results, context.variant
    if missing := no_cascade(results, variant_id):
        st.markdown(plain(missing))
        return
    table = results.cascade(variant_id)
    st.markdown(plain(cascade_sentence(table)))
    if table["forgotten_left"].isna().all():
        return
    figure(
        context,
        cascade(table, note=note(context, variant_id)),
        table,
        name="cascade",
        code=table_code(results, "cascade", variant_id),
        variant_id=variant_id,
        on_click=partial(open_forgotten, context),
    )
    measure = results.cascade_measure(variant_id) or schema.CONFIDENCE
    contents = cascade_contents(table, measure)
    with st.container(horizontal=True):
        for name, label in ((THRESHOLDS, "Thresholds (JSON)"), (SCRIPT, "Python that runs it")):
            st.download_button(
                label, contents[name], file_name=name, key=f"take-{name}", on_click="ignore"
            )


# --- layers ---------------------------------------------------------------------------------------
def _layers(context: Context) -> None:
    st.header("Culprit layers", anchor=False)
    results, variant_id = context.results, context.variant
    try:
        table = results.layers(variant_id)
    except CacheError as problem:
        st.warning(plain(str(problem)))
        return
    reason = no_layers(results, variant_id)
    if table.empty and reason:
        st.markdown(plain(reason))
        return
    if table.empty:
        st.markdown(
            "Which layer cost the forgotten images is found by putting one back to float at a "
            "time, for variants made from the dense weights:"
        )
        words = ("remedy", context.manifest.name, "layers", "--variant", variant_id)
        st.code(typed(words), language="bash", wrap_lines=True)
        return
    st.markdown(plain(layers_sentence(table)))
    figure(
        context,
        culprit_layers(table, note=note(context, variant_id)),
        table,
        name="culprit-layers",
        code=table_code(results, "layers", variant_id),
        variant_id=variant_id,
        on_click=partial(open_forgotten, context),
    )


# --- equal size -----------------------------------------------------------------------------------
def _equal_size(context: Context) -> None:
    st.header("Forgotten images for what is saved", anchor=False)
    summary = context.summary.set_index(schema.VARIANT_ID)
    if DENSE_ID not in summary.index:
        return
    dense = summary.loc[DENSE_ID]
    others = summary.drop(index=DENSE_ID)
    forgotten = others["n_forgotten"].astype(float)
    megabytes = (float(dense["size_bytes"]) - others["size_bytes"].astype(float)) / 1e6
    saved = float(dense["latency_ms"]) - others["latency_ms"].astype(float)
    # Below that it is how the clock was read.
    least = _LEAST_SAVED * float(dense["latency_ms"])
    shown = pd.DataFrame(
        {
            "Variant": others.index,
            "Forgotten": forgotten.to_numpy(),
            "MB saved": megabytes.to_numpy(),
            "Forgotten per MB": (forgotten / megabytes.where(megabytes > 0)).to_numpy(),
            "ms saved": saved.where(saved > least).to_numpy(),
            "Forgotten per ms": (forgotten / saved.where(saved > least)).to_numpy(),
        }
    )
    number = partial(st.column_config.NumberColumn, format="%.3g")
    frame(shown, column_config={name: number() for name in shown.columns[2:]}, height="content")
    st.caption(
        "Forgotten: images that the dense population gets right and the variant's gets wrong, seed "
        "noise included. A dash: nothing is saved (of the time, at least a twentieth), or it is "
        "not known. Latencies are those of the "
        "machine that made the runs."
    )
