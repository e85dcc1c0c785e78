"""Answers of the raters: shares by group, agreement, and everything as CSV."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import LetheError, UserError
from analysis.figures.human_shares import human_shares
from analysis.figures.theme import footnote
from analysis.presentation.formatting import count
from analysis.results.annotations import ALPHA, agreement, human_labels, table
from analysis.results.code import table_code, where
from analysis.results.studies import is_of
from analysis.schema import AA_PIE, NON_PIE, PIE
from analysis.store.join import join
from analysis.store.study import Study
from analysis.store.tabular import to_csv
from dashboard import data, pages, permissions, state
from dashboard.annotate.clicks import open_said
from dashboard.commands import typed
from dashboard.context import Context
from dashboard.figure_panel import figure, file_name, listing
from dashboard.frames import frame
from dashboard.text import plain

MAJORITIES = f"{schema.META_PREFIX}human"
_MEASURES = {"cohen-kappa": "Cohen's κ", ALPHA: "Krippendorff's α"}


def show(context: Context, study: Study) -> None:
    """Show the results of one study."""
    _about(context, study)
    if not study.raters:
        st.info("Nobody has rated an image yet.", icon=":material/hourglass_empty:")
        return
    made = _shares_of(context, study)
    design = study.design
    note = footnote(
        context.manifest.name, context.manifest.updated, design.n_variant_runs, design.ties,
        design.variant_id,
    )  # fmt: skip
    note += f" · {study.name}, drawn {design.created[:10]}, {_counted(len(study.raters), 'rater')}"
    figure(
        context,
        human_shares(made, note=note),
        made,
        name=f"human-shares-{study.name}",
        code=table_code(context.results, "annotation_shares", design.variant_id)
        + where("study", study.name),
        variant_id=design.variant_id,
        on_click=partial(open_said, context, study.name),
    )
    st.caption(
        "Click a mark to see its images. An image counts once, for the category that most of its "
        "raters gave; where several share the lead it has no majority and counts for none. "
        "Intervals of shares are Wilson's, those of differences Newcombe's, p is Fisher's, q "
        "Benjamini and Hochberg's over the categories. "
        "Any set of images chosen by disagreement is hard, A/A PIEs too, which the dense runs make "
        "among themselves; their classes are not those of the PIEs. “Added” is the share of a "
        "category among the images that compression adds to what seeds make PIEs of, estimated "
        "from the images judged, each standing for those it was drawn from; the interval is over "
        "these images alone. It is left out where the PIE excess does not differ significantly "
        "from 0."
    )
    _shares(made)
    _agreement(context, study)
    _downloads(context, study)


def _shares_of(context: Context, study: Study) -> pd.DataFrame:
    made = context.results.annotation_shares(study.design.variant_id)
    return made[made["study"] == study.name].reset_index(drop=True)


def _about(context: Context, study: Study) -> None:
    design = study.design
    groups = {group: len(design.groups.get(group, ())) for group in (PIE, AA_PIE, NON_PIE)}
    rated = set().union(*(study.answers(rater).keys() for rater in study.raters))
    finished = sum(map(study.is_finished_by, study.raters))
    available = design.available
    sentences = [
        f"{plain(study.name)} of {plain(design.variant_id)}: {count(groups[PIE])} of "
        f"{count(available.get(PIE))} PIEs, {count(groups[AA_PIE])} of "
        f"{count(available.get(AA_PIE))} A/A PIEs and {count(groups[NON_PIE])} non-PIEs of the "
        f"classes of the PIEs, {count(len(design.labels))} different images.",
        f"{count(len(rated))} of them rated; {_counted(len(study.raters), 'rater')}, "
        f"{count(finished)} finished.",
    ]
    if design.n_unmatched:
        sentences.append(f"{count(design.n_unmatched)} PIEs have no non-PIE of their class.")
    if not groups[AA_PIE]:
        sentences.append("There is no A/A PIE: PIEs cannot be told apart from seed noise here.")
    if (now := len(context.manifest.done_seeds(design.variant_id))) != design.n_variant_runs or (
        len(context.manifest.done_seeds(DENSE_ID)) != design.n_dense_runs
    ):
        sentences.append(
            f"The groups are those of {design.n_variant_runs} runs, when the study was drawn; now "
            f"there are {now}."
        )
    st.markdown(" ".join(sentences))
    if study.damaged:
        st.warning(
            f"{_counted(len(study.damaged), 'line')} of the study cannot be read and count for "
            f"nothing; this names them: {plain(typed(('verify', context.manifest.name)))}",
            icon=":material/warning:",
        )


def _shares(made: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    percents = {
        "pie_share": "PIEs",
        "aa_share": "A/A PIEs",
        "non_pie_share": "Non-PIEs",
    }
    added = {
        "added_share": "Added",
        "added_low": "95 % from  ",
        "added_high": "95 % to  ",
    }
    points = {
        "difference": "PIE − non-PIE, points",
        "difference_low": "95 % from",
        "difference_high": "95 % to",
        "aa_difference": "PIE − A/A, points",
        "aa_difference_low": "95 % from ",
        "aa_difference_high": "95 % to ",
    }
    order = [
        "category", *percents, *list(points)[:3], "q", *list(points)[3:], "aa_q",
        *(added if made["added_share"].notna().any() else ()),
    ]  # fmt: skip
    shown = made.assign(category=made["category_name"])[order]
    shown[list(points)] *= 100
    frame(
        shown,
        column_config={
            "category": "Category",
            **{name: number(label, format="percent") for name, label in (percents | added).items()},
            **{name: number(label, format="%+.1f") for name, label in points.items()},
            "q": number("q", format="%.3g"),
            "aa_q": number("q (A/A)", format="%.3g"),
        },
    )


def _agreement(context: Context, study: Study) -> None:
    st.header("Agreement between raters", anchor=False)
    made = agreement([study])
    if made.empty:
        st.caption("There is one rater so far; agreement takes two.")
        return
    whole = made[made["measure"] == ALPHA].iloc[0]
    if pd.isna(whole["coefficient"]):
        why = (
            "no image was rated by two"
            if not whole["n_images"]
            else "all answers are of one category, so there is nothing to agree on"
        )
        st.markdown(f"Krippendorff's α of all raters is not defined: {why}.")
    else:
        st.markdown(
            f"Krippendorff's α of all {count(whole['n_raters'])} raters is "
            f"**{whole['coefficient']:.2f}** (95 % {whole['ci_low']:.2f} to "
            f"{whole['ci_high']:.2f}, over {count(whole['n_images'])} images): 1 is full "
            "agreement, 0 that of chance."
        )
    number = st.column_config.NumberColumn
    listing(
        context,
        made.assign(
            measure=made["measure"].map(_MEASURES),
            rater=made["rater"].fillna("all of them"),
            other_rater=made["other_rater"].fillna(""),
        ).drop(columns=["study", schema.VARIANT_ID]),
        made,
        name=f"agreement-{study.name}",
        code=table_code(context.results, "annotation_agreement", study.design.variant_id)
        + where("study", study.name),
        columns={
            "measure": "Measure",
            "rater": "Rater",
            "other_rater": "And",
            "n_raters": "Raters",
            "n_images": "Images",
            "observed": number("Agreeing pairs", format="percent"),
            "coefficient": number("κ or α", format="%.3f"),
            "ci_low": number("95 % from", format="%.3f"),
            "ci_high": number("95 % to", format="%.3f"),
        },
    )


def _downloads(context: Context, study: Study) -> None:
    with st.container(horizontal=True):
        for label, make, name in (
            ("Every answer", partial(table, [study]), "answers"),
            ("Shares by group", partial(_shares_of, context, study), "shares"),
            ("Agreement", partial(agreement, [study]), "agreement"),
            ("Majority of each image", partial(human_labels, study), "human"),
        ):
            st.download_button(
                f"{label} (CSV)",
                partial(_csv, make),
                file_name=f"{file_name(context, study.name, name)}.csv",
                mime="text/csv",
                icon=":material/download:",
                key=f"annotate-csv-{name}",
                on_click="ignore",
            )
    _join(context, study)


_JOINED = "annotate-joined"


def _join(context: Context, study: Study) -> None:
    """Offer to make the majorities metadata of the sweep, as the verb ``join`` does."""
    is_there = MAJORITIES in context.results.folder.image_columns()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Use the majorities as metadata",
            icon=":material/merge:",
            disabled=permissions.is_read_only() or not is_of(context.results, study),
            help=f"A filter and an attribute, {MAJORITIES}"
            + (", in place of the one that is there." if is_there else ".")
            + " In a shell: "
            + plain(typed(("join", context.manifest.name, "FILE")))
            + " with the file of the majorities.",
            on_click=_do_join,
            args=(context, study),
            key="annotate-join",
        )
        outcome = state.recall(_JOINED)
        if outcome:
            st.caption(plain(outcome))
            state.remember(_JOINED, None)
            if is_there:
                st.page_link(
                    pages.page("attributes"),
                    label="See it among the attributes",
                    icon=":material/arrow_forward:",
                    query_params={"sweep": context.manifest.name, "attribute": "human"},
                )


def _do_join(context: Context, study: Study) -> None:
    try:
        permissions.check("join metadata")
        # As it is now: others may have rated since the page was drawn.
        made = human_labels(data.study(context.results, study.name))
        if made.empty:
            raise UserError("no image has a majority yet: there is nothing to join")
        names = join(context.results.folder, made, overwrite=True)
        state.remember(_JOINED, f"Joined {', '.join(names)}: {count(len(made))} images.")
    except LetheError as problem:
        state.remember(_JOINED, str(problem))


def _csv(make: Callable[[], pd.DataFrame]) -> str:
    return to_csv(make())


def _counted(n: int, noun: str) -> str:
    return f"{count(n)} {noun}" + ("" if n == 1 else "s")
