"""The figures of robustness: which cell says what, and which is marked."""

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.figures.shifts import robustness_curve, robustness_heatmap, robustness_info

VARIANTS = {"magnitude-0.50": 0.5, "magnitude-0.90": 0.9, "int8-static": None}
SHIFTS = ("fog-3", "<b>phone</b>")


def made(**changes):
    """A table of three variants and two shifts: only magnitude at 0.9 differs, both ways."""
    rows = []
    for variant, sparsity in VARIANTS.items():
        for i, shift in enumerate(SHIFTS):
            for metric in ("top1", "top5"):
                differs = variant == "magnitude-0.90"
                row = dict.fromkeys(schema.ROBUSTNESS_COLUMNS, np.nan) | {
                    "variant_id": variant, "shift": shift, "metric": metric,
                    "relative": 0.8, "relative_low": 0.7, "relative_high": 0.9,
                    "dense_relative": 0.85, "dense_relative_low": 0.84, "dense_relative_high": 0.86,
                    "difference": (-0.05, 0.02)[i] if differs else 0.001 * (i + 1),
                    "ci_low": -1.0, "ci_high": 1.0,
                    "p": (0.001, 0.04)[i] if differs else 0.7,
                    "q": (0.01, 0.2)[i] if differs else 0.9,
                    "n_runs": 4, "dense_n_runs": 6, "degenerate": False,
                    "method": variant.rpartition("-")[0] if sparsity else variant,
                    "target_sparsity": sparsity, "sparsity": sparsity or 0.0,
                }  # fmt: skip
                rows.append(row | changes)
    return pd.DataFrame(rows)


def trace(figure, name):
    return next(one for one in figure.data if one.name == name)


def test_every_cell_is_the_difference_from_dense():
    info = robustness_info(made())
    assert info.shifts == SHIFTS
    assert info.variant_ids == tuple(VARIANTS)
    np.testing.assert_allclose(info.values, [[0.001, -0.05, 0.001], [0.002, 0.02, 0.002]])
    assert (info.n_tested, info.n_worse, info.n_better) == (6, 1, 0)


def test_significant_cells_are_marked_by_shape():
    figure = robustness_heatmap(made(), note="made up")
    at_p, at_q = trace(figure, "p ≤ 0.05 alone"), trace(figure, "q ≤ 0.05")
    assert (list(at_p.x), list(at_p.y)) == ([1], [1])
    assert (list(at_q.x), list(at_q.y)) == ([1], [0])
    assert at_p.marker.symbol != at_q.marker.symbol
    assert figure.layout.showlegend
    said = figure.layout.title.subtitle.text.replace("<br>", " ")
    assert "Of 6 cells tested 2 are significant at p ≤ 0.05" in said
    assert "keeps less in 1 and more in 0" in said
    assert figure.data[0].zmin == -figure.data[0].zmax == pytest.approx(-5)


def test_names_from_outside_are_shown_literally():
    figure = robustness_heatmap(made())
    assert "&lt;b&gt;phone&lt;/b&gt;" in figure.layout.yaxis.ticktext
    assert figure.data[0].customdata[1][0][2] == "&lt;b&gt;phone&lt;/b&gt;"
    assert figure.data[0].customdata[1][0][0] == "<b>phone</b>"
    assert "<b>" not in robustness_curve(made(), shift=SHIFTS[1]).layout.title.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p": 0.5, "q": 0.5}, "No difference is significant"),
        ({"p": np.nan, "q": np.nan}, "No test"),
        ({"p": 0.0, "q": 0.0, "degenerate": True}, "No test"),
    ],
)
def test_it_is_said_when_nothing_is_significant_or_tested(changes, words):
    figure = robustness_heatmap(made(**changes))
    assert words in figure.layout.title.subtitle.text.replace("<br>", " ")
    assert list(trace(figure, "q ≤ 0.05").x) == [None]


def test_without_rows_the_figure_says_so():
    figure = robustness_heatmap(made().iloc[:0])
    assert "no compressed variant has runs on a shift" in figure.layout.annotations[0].text.replace(
        "<br>", " "
    )


def test_the_curve_is_of_one_shift_with_dense_for_reference():
    table = made()
    table.loc[table["shift"] == "fog-3", "relative"] = 0.6
    figure = robustness_curve(table, shift="fog-3")
    pruned, dense = trace(figure, "magnitude"), trace(figure, "dense")
    assert (list(pruned.x), list(pruned.y)) == ([0.5, 0.9], [0.6, 0.6])
    assert set(dense.y) == {0.85}
    assert trace(figure, "int8-static").error_y.array[0] == pytest.approx(0.3)
    assert (figure.layout.shapes[-1].y0, figure.layout.shapes[-1].y1) == (0.84, 0.86)
    assert figure.layout.title.text == "Top-1 accuracy kept under fog-3 against sparsity"
