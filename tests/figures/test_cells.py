"""Numbers in cells can be read on every colour; a heat map stays one table."""

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.colors import hex_to_rgb, sample_colorscale, unlabel_rgb

from analysis.figures import theme
from analysis.figures.cells import with_letters
from analysis.figures.drawn import drawn_data
from tests.figures.test_theme import contrast, rgb

Z = np.linspace(0, 7, 200).reshape(10, 20)


def heat(z, **more):
    custom = [[[f"row {i}", f"column {j}"] for j in range(z.shape[1])] for i in range(len(z))]
    return go.Heatmap(
        z=z, zmin=0, zmax=7, customdata=custom, texttemplate="%{z}", colorscale=theme.SEQUENTIAL,
        **more,
    )  # fmt: skip


def test_letters_of_every_cell_have_the_contrast_that_reading_takes():
    scale = [[place, f"rgb{hex_to_rgb(color)}"] for place, color in theme.SEQUENTIAL]
    seen = 0
    for part in with_letters(heat(Z)):
        shown = np.asarray(part.z)[np.isfinite(part.z)]
        for color in sample_colorscale(scale, [*(shown / 7)]):
            assert contrast(unlabel_rgb(color), rgb(part.textfont.color)) >= 4.5
        seen += len(shown)
    assert seen == Z.size


@pytest.mark.parametrize("showscale", [None, True, False])
def test_one_scale_stands_beside_both(showscale):
    parts = with_letters(heat(Z, showscale=showscale))
    assert [part.showscale for part in parts] == [showscale is not False, False]


def test_its_data_are_the_cells_in_their_order_without_gaps():
    z = Z[:2, ::8].copy()
    z[0, 1] = np.nan
    whole = drawn_data(go.Figure(heat(z)))
    parts = drawn_data(go.Figure(with_letters(heat(z))))
    assert len(whole) == 5
    assert parts.equals(whole)


def test_cells_without_a_number_are_one_trace():
    (part,) = with_letters(heat(np.full((2, 2), np.nan)))
    assert np.isnan(part.z).all()
