"""Classes, further down: what loss is ruled out, the long tail, and what more seeds would tell."""

import pandas as pd
import streamlit as st

from analysis import schema
from analysis.figures.long_tail import long_tail
from analysis.figures.not_worse import not_worse
from analysis.presentation.class_findings import of_long_tail, of_losses
from analysis.presentation.plans import plan_sentence
from analysis.results.code import table_code
from dashboard import state
from dashboard.context import Context
from dashboard.figure_panel import figure, listing, note
from dashboard.links import open_gallery
from dashboard.text import html_text

_MARGIN = 2.0
_MARGINS = [hundredths / 100 for hundredths in range(10, 5001)]


def show(context: Context, classes: pd.DataFrame, code: str) -> None:
    """Show the loss of recall that is ruled out for each class, and whether it is below a margin.

    Parameters
    ----------
    context : Context
        The open sweep.
    classes : DataFrame
        Rows of the classes table of the chosen variant.
    code : str
        Python lines that give them.
    """
    st.header("Not worse by more than d", anchor=False)
    with st.container(key="filter-margin", width=260):
        margin = st.number_input(
            "d: largest loss of recall accepted, points",
            _MARGINS[0],
            _MARGINS[-1],
            step=0.5,
            **state.local("margin", _MARGIN, _MARGINS),
        )
    is_single = context.manifest.is_single(context.variant)
    html_text(
        of_losses(context.variant, classes, has_seeds=not is_single)
        or "No class has enough images for a bound.",
        testid="loss-bounds",
    )
    figure(
        context,
        not_worse(classes, margin=float(margin) / 100, note=note(context, context.variant)),
        classes,
        name="not-worse",
        code=code,
        variant_id=context.variant,
        on_click=lambda point: open_gallery(
            context, classes=(str(point["customdata"][0]),), kinds=("forgotten",)
        ),
    )


def show_long_tail(context: Context, classes: pd.DataFrame) -> None:
    """Show the change of recall against training images, where the classes have different ones.

    Parameters
    ----------
    context : Context
        The open sweep.
    classes : DataFrame
        The classes table of the chosen variant.
    """
    summary = context.summary
    finding = of_long_tail(summary[summary[schema.VARIANT_ID] == context.variant].iloc[0])
    if not finding:
        return
    st.header("Long tail", anchor=False)
    html_text(finding, testid="long-tail")
    if classes["n_train"].nunique() < 2:
        st.caption("The tail is rotated over the seeds, so that every class has every count.")
        return
    figure(
        context,
        long_tail(classes, summary, note=note(context, context.variant)),
        classes,
        name="long-tail",
        code=table_code(context.results, "classes", context.variant),
        variant_id=context.variant,
        on_click=lambda point: open_gallery(
            context, classes=(str(point["customdata"][0]),), population="all"
        ),
    )


def show_plan(context: Context) -> None:
    """Show how small a difference the seeds and images tell, and what a difference takes."""
    st.header("How many seeds, how many images", anchor=False)
    with st.container(key="filter-difference", width=260):
        difference = st.number_input(
            "Difference to detect, points",
            _MARGINS[0],
            _MARGINS[-1],
            step=0.5,
            **state.local("difference", _MARGIN, _MARGINS),
        )
    plan = context.results.plan(context.variant, difference=float(difference) / 100)
    if plan["detectable"].isna().all():
        html_text("It takes two runs of dense and of the variant to say.", testid="plan")
        return
    html_text(plan_sentence(plan.to_dict("records")[0]), testid="plan")
    number = st.column_config.NumberColumn
    points = {name: 100 * plan[name] for name in ("detectable", "image_floor")}
    shown = plan.assign(
        **points, name=plan[schema.CLASS_NAME].fillna("All images (top-1)").astype("string")
    )
    listing(
        context,
        shown[["name", "n_images", "detectable", "image_floor", "seeds_needed", "images_needed"]],
        plan,
        name="plan",
        code=table_code(
            context.results, "plan", context.variant, difference=float(difference) / 100
        ),
        columns={
            "name": "Class", "n_images": "Images",
            "detectable": number("Seeds tell", format="%.2f",
                                 help="Points, with so many seeds, at 80 % power."),
            "image_floor": number("Images tell", format="%.2f",
                                  help="Points, on so many images, with any number of seeds."),
            "seeds_needed": number("Seeds needed", help="A variant, on these images."),
            "images_needed": number("Images needed", help="Of the class, whatever the seeds."),
        },
        height=min(38 + 35 * len(plan), 440),
    )  # fmt: skip
