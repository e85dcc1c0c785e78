"""Every figure of the registry where classes have names of any length."""

from collections.abc import Iterator

import plotly.graph_objects as go
import pytest

from analysis.figures.layout import label_width
from analysis.report.figures import drawings
from analysis.report.scope import Scope
from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.schema import Category
from analysis.store.protocol import Protocol
from tests.synthetic import make_sweep

LONG = "a very long name of a class " * 12
NAMES = [f"{LONG}{i}" for i in range(6)]
OWN = [Category(f"key-{i}", f"{LONG[:50]} {i}", "") for i in range(3)]
# Of a figure 900 px wide, its names take less than half.
MOST = 450


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, go.Figure]:
    root = tmp_path_factory.mktemp("long")
    folder = make_sweep(
        root, class_names=NAMES, shifts=("fog-3",), variants=("magnitude=0.5,0.9", "int8-static"),
        metadata={"kind": [NAMES[i % 6] for i in range(200)]},
    )  # fmt: skip
    results = SweepResults(folder)
    study = start_study(
        results, "magnitude-0.90", size=20, seed=1, protocol=Protocol(categories=OWN)
    )
    for i, image in enumerate(folder.annotations.read(study).images):
        folder.annotations.annotate(study, "Ann", image, OWN[i % 3].key)
    listed = drawings(Scope(results, tuple(results.compressed_ids)))
    return {one.name: one.figure() for one in listed}


def names_of(figure: go.Figure) -> Iterator[str]:
    """What is written beside axes, marks and in the legend; hovering may say more."""
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        yield from map(str, axis.ticktext or ())
    for trace in figure.data:
        if trace.showlegend is not False and trace.name:
            yield str(trace.name)
        if trace.type == "scatter" and "text" in (trace.mode or ""):
            yield from map(str, trace.text if trace.text is not None else ())


def test_every_figure_is_drawn_and_none_lacks_its_title(figures):
    assert len(figures) > 15
    for name, figure in figures.items():
        assert figure.layout.title.text, name


def test_no_name_in_a_figure_takes_more_than_half_of_its_width(figures):
    n_cut = 0
    for name, figure in figures.items():
        for text in names_of(figure):
            assert label_width([text]) < MOST, (name, text)
            n_cut += "…" in text
    assert n_cut, "some names were long"


def test_names_that_were_cut_stay_apart(figures):
    for name, figure in figures.items():
        for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
            shown = [text for text in map(str, axis.ticktext or ()) if "…" in text]
            assert len(shown) == len(set(shown)), name
