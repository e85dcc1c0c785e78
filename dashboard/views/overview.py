"""Overview: what the sweep is, what was found, and every variant in one table."""

from functools import partial
from html import escape

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.config import DENSE_ID
from analysis.figures.layout import cut
from analysis.presentation.evaluated import (
    feeding_sentences,
    images_sentence,
    looks_sentence,
    machine_sentences,
    note_sentences,
)
from analysis.presentation.findings import findings
from analysis.presentation.formatting import count, is_missing
from analysis.presentation.glossary import explained
from analysis.presentation.pair_findings import pairing, pairing_hints
from analysis.presentation.tables import PAIR_HELP, VARIANT_HELP, pair_table, variant_table
from analysis.results.code import table_code, where
from analysis.store.manifest import LeftOut
from dashboard import context as contexts
from dashboard import first_visit, pages, pending, permissions
from dashboard.context import Context
from dashboard.figure_panel import figure, listing, note, side_by_side, with_help
from dashboard.frames import frame
from dashboard.gallery.single import NO_FLOOR
from dashboard.gallery.variant_control import variant_filter
from dashboard.links import open_gallery, open_on_curve, open_variant
from dashboard.text import html_text, plain

_NAME = 32
_MOST = 6
_LONG = 400


def show() -> None:
    """Show the Overview."""
    context = contexts.current()
    if first_visit.is_first():
        first_visit.show(with_demo=True)
    _what_it_is(context)
    if DENSE_ID not in context.results.variant_ids:
        st.info(
            "No dense run is finished yet. The table and the curves fill as runs finish."
            if not context.manifest.is_complete
            else "This sweep has no dense runs, so there is nothing to compare its variants with.",
            icon=":material/hourglass_top:",
        )
        return
    with st.spinner("Computing the tables"):
        _ = context.summary
        context.results.classes()
    _what_was_found(context)
    _variants(context)
    _curves(context)
    _how_it_was_made(context)


def _what_it_is(context: Context) -> None:
    manifest = context.manifest
    facts = {
        "Dataset": manifest.dataset.spec or "unknown",
        "Model": manifest.model.name
        or ("made elsewhere, imported" if manifest.origin == "imported" else "unknown"),
        "Test images": count(context.n_images),
        "Classes": count(len(manifest.class_names)),
        "Variants": count(len(manifest.variants)),
        "Seeds per variant": count(len(manifest.seeds)),
        "Runs done": f"{manifest.n_done} of {manifest.n_runs}",
        "Updated": manifest.updated[:16].replace("T", " "),
    }
    st.html(
        '<dl class="lethe-sweep">'
        + "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"
            for name, value in facts.items()
        )
        + "</dl>"
    )
    _what_was_evaluated(context)
    st.page_link(
        pages.page("sweeps"),
        label="All sweeps of this cache"
        if permissions.is_read_only()
        else "All sweeps of this cache: start, stop or resume one",
        icon=":material/model_training:",
    )
    if len(manifest.seeds) == 1:
        st.info(
            "One run a variant (K = 1): a PIE is an image on which the two models differ, and may "
            "come from the seed as well as from compression, unless one was made from the other.",
            icon=":material/info:",
        )
    for hint in pairing_hints(context.results):
        st.warning(plain(f"{hint}."), icon=":material/link:")
    if manifest.left_out:
        _left_out(manifest.left_out)
    failed = [(v, seed, run.error) for v, seed, run in manifest.all_runs() if run.state == "failed"]
    if failed:
        st.warning(
            plain(
                f"{len(failed)} runs failed, the first one {failed[0][0]}, seed {failed[0][1]}: "
                f"{failed[0][2] or 'no reason recorded'}"
            ),
            icon=":material/warning:",
        )


def _what_was_evaluated(context: Context) -> None:
    """Say which images and how models are fed, and warn of what was noted."""
    manifest = context.manifest
    images = images_sentence(manifest)
    if images:
        html_text(f"Evaluated on {images}.", role="lethe-note", testid="evaluated")
    fed = feeding_sentences(manifest)
    for one in fed[:_MOST]:
        html_text(f"Fed to {one}.", role="lethe-note", testid="feeding")
    if len(fed) > _MOST:
        others = f"{len(fed) - _MOST} more ways of feeding: see the command show."
        html_text(others, role="lethe-note")
    notes = note_sentences(manifest)
    if notes:
        listed = "\n".join(f"- {plain(cut(one, _LONG))}" for one in notes[:_MOST])
        n_more = len(notes) - _MOST
        more = f"\n- {n_more} more: see “How it was made” below" if n_more > 0 else ""
        st.warning(listed + more, icon=":material/warning:")


def _left_out(left_out: list[LeftOut]) -> None:
    files = "1 file was" if len(left_out) == 1 else f"{len(left_out):,} files were"
    with st.expander(f"{files} left out", icon=":material/broken_image:"):
        frame(
            [{"File": one.file, "Reason": one.reason} for one in left_out],
        )


def _what_was_found(context: Context) -> None:
    results, pairs = context.results, context.results.pairs()
    waits = pending.is_pending(context)
    sentences = findings(
        context.summary,
        results.classes(),
        pairs,
        single=context.selection.variant,
        look=context.manifest.n_looks,
        is_pending=waits,
    )
    if not sentences:
        return
    st.header(
        "What was found",
        anchor=False,
        help=explained("PIE", "Forgotten", "Noise floor", "PIE excess", "q"),
    )
    if len(pairs) > 1:
        _single_models(context, pairs)
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    st.html(f'<ul class="lethe-findings" data-testid="findings">{items}</ul>')
    st.page_link(
        pages.page("gallery"),
        label="See the images in the gallery",
        icon=":material/arrow_forward:",
        query_params=_gallery_address(context),
    )
    _scores_links(context)


_SCORES_LINKS = {
    "tied": ("n_score_tied", "See the images whose top score is tied"),
    "no-answer": ("n_no_answer", "See the images without an answer"),
}


def _scores_links(context: Context) -> None:
    """Lead to the images of the chosen variant whose scores are tied, or no answer."""
    summary = context.summary.set_index(schema.VARIANT_ID)
    variant = context.selection.variant
    if variant not in summary.index:
        return
    for which, (column, label) in _SCORES_LINKS.items():
        n = summary.loc[variant, column]
        if not is_missing(n) and n > 0:
            st.page_link(
                pages.page("gallery"),
                label=f"{label} at {plain(variant)}",
                icon=":material/arrow_forward:",
                query_params=_gallery_address(context) | {"scores": which, "population": "all"},
            )


def _single_models(context: Context, pairs: pd.DataFrame) -> None:
    """Show every single model beside dense, and choose the one that is spoken of below."""
    ids = pairs[schema.VARIANT_ID].tolist()
    st.caption(
        "Each model beside the dense one, image by image. Choose a row to see its images in the "
        "gallery."
    )
    listing(
        context,
        pair_table(pairs).assign(Variant=[cut(one, _NAME) for one in ids]),
        pairs,
        name="pairs",
        code=table_code(context.results, "pairs"),
        columns=with_help(PAIR_HELP),
        on_click=lambda row: open_gallery(context, variant=ids[row]),
    )
    variant_filter(context)


def _gallery_address(context: Context) -> dict[str, str]:
    address = {"sweep": context.manifest.name, "ties": context.selection.ties}
    variant = context.selection.variant
    if variant is not None and variant != context.default_variant:
        address["variant"] = variant
    return address


def _variants(context: Context) -> None:
    st.header("Variants", anchor=False)
    summary = context.summary
    shown = variant_table(summary, context.manifest)
    listing(
        context,
        shown.assign(Variant=[cut(one, _NAME) for one in shown["Variant"]]),
        summary,
        name="variants",
        code=table_code(context.results, "summary"),
        columns=with_help(VARIANT_HELP),
    )
    if not context.results.pairs().empty:
        st.caption(NO_FLOOR)
    paired = summary.loc[summary["paired"].eq(True), "variant_id"].tolist()
    if paired:
        html_text(
            f"{', '.join(paired)}: each run was made from its own dense run (paired), so the share "
            "of PIEs of all runs carries no seed noise: an identical copy would have none at all.",
            role="lethe-note",
        )


def _curves(context: Context) -> None:
    from analysis.figures.curves import metric_curve
    from analysis.figures.pies import pie_share

    curves, summary = context.results.curves(), context.summary
    st.header("Curves", anchor=False)
    with side_by_side("overview") as place:
        with place():
            drawn = metric_curve(curves, metric="top1", note=note(context))
            rows = curves[curves["metric"] == "top1"]
            code = table_code(context.results, "curves") + where("metric", "top1")
            figure(
                context,
                drawn,
                rows,
                name="top1",
                code=code,
                on_click=partial(open_on_curve, context),
            )
        with place():
            drawn = pie_share(summary, note=note(context))
            code = table_code(context.results, "summary")
            figure(
                context,
                drawn,
                summary,
                name="pie-share",
                code=code,
                on_click=partial(open_variant, context),
            )


def _how_it_was_made(context: Context) -> None:
    manifest = context.manifest
    with st.expander("How it was made", icon=":material/build:"):
        st.json(
            {
                "config": manifest.config,
                "dataset": manifest.dataset,
                "model": manifest.model,
                "pairing": pairing(manifest),
                "looks": looks_sentence(manifest) or f"{manifest.n_looks}",
                "device": manifest.device,
                "machines": machine_sentences(manifest),
                "versions": manifest.versions,
                "git_commit": manifest.git_commit,
                "created": manifest.created,
            }
        )
