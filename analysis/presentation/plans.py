"""Planning in words: differences that runs and images detect, and what a difference takes."""

from typing import Any

import pandas as pd

from analysis import schema
from analysis.presentation.formatting import is_missing, one_line

_HEADER = ("class", "images", "seeds detect", "images detect", "seeds needed", "images needed")


def plan_sentence(row: dict[str, Any]) -> str:
    """Describe one row of the plan table in a sentence.

    Parameters
    ----------
    row : dict
        A row of the plan table; its class is null for all images.
    """
    what = (
        "top-1 of all images"
        if is_missing(row[schema.CLASS_ID])
        else f"class “{one_line(row[schema.CLASS_NAME])}”"
    )
    if is_missing(row["detectable"]):
        return (
            f"{row[schema.VARIANT_ID]}, {what}: it takes two runs a variant, or some that differ."
        )
    d, floor = 100 * row["difference"], 100 * row["image_floor"]
    sentence = (
        f"{row[schema.VARIANT_ID]}, {what}: {int(row['n_runs'])} seeds detect "
        f"{100 * row['detectable']:.1f} points (80 % power at 0.05); {d:.3g} points take "
        f"{seeds_text(row['seeds_needed'])}"
    )
    if row["image_floor"] > row["difference"]:
        return (
            f"{sentence}, but no number of seeds detects less than {floor:.1f} points on "
            f"{int(row['n_images']):,} images: it takes about {int(row['images_needed']):,}."
        )
    return f"{sentence}."


def seeds_text(seeds: float) -> str:
    """Format a number of seeds."""
    return "more than 100,000 seeds" if seeds == float("inf") else f"{int(seeds):,} seeds"


def plan_text(plan: pd.DataFrame) -> str:
    """Format the plan of one variant as Markdown.

    Parameters
    ----------
    plan : DataFrame
        Rows of the plan table of one variant.
    """
    rows: list[tuple[str, ...]] = [_HEADER, ("---", *["---:"] * (len(_HEADER) - 1))]
    for row in plan.to_dict("records"):
        name = row[schema.CLASS_NAME]
        rows.append(
            (
                "all (top-1)" if is_missing(row[schema.CLASS_ID]) else _cell(name),
                f"{int(row['n_images']):,}",
                _points(row["detectable"]),
                _points(row["image_floor"]),
                "–" if is_missing(row["seeds_needed"]) else seeds_text(row["seeds_needed"])[:-6],
                "–" if is_missing(row["images_needed"]) else f"{int(row['images_needed']):,}",
            )
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _cell(name: object) -> str:
    """Format a name for a cell of a Markdown table."""
    return one_line(name).replace("|", "\\|")


def _points(value: float) -> str:
    return "–" if is_missing(value) else f"{100 * value:.1f} points"
