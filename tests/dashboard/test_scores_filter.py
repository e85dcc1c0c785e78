"""Tied top scores and images without an answer: found, counted, filtered and shown."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import schema
from analysis.presentation.findings import findings, of_scores, ties_of_forgotten
from analysis.presentation.tables import pairs_text, variant_table
from analysis.results import SweepResults
from dashboard.gallery import component
from dashboard.gallery.query import ImageIndex, find
from dashboard.gallery.tiles import chips
from dashboard.selection import Known, Selection, parse, to_params
from tests.dashboard.test_pages import ALL_PAGES, open_page, told  # noqa: F401
from tests.synthetic import make_sweep

VARIANT = "int8-static"
ALL = Selection(population="all")


def with_scores(root, *, seeds=1):
    """A sweep whose int8 runs have 20 ties, some of which hold the truth, and 5 without answer."""
    folder = make_sweep(root, seeds=seeds, variants=("int8-static",))
    manifest = folder.manifest()
    for seed in range(seeds):
        path = folder.prediction_path(VARIANT, seed)
        table = pq.read_table(path)
        columns = {name: table[name].to_numpy().copy() for name in table.column_names}
        columns[schema.SCORE_TIES][10:30] = 2
        columns[schema.TRUE_CONFIDENCE][10:30] = columns[schema.CONFIDENCE][10:30]
        columns[schema.PREDICTION][:5] = schema.NO_ANSWER
        for name in (schema.CONFIDENCE, schema.TRUE_CONFIDENCE):
            columns[name][:5] = np.nan
        made = pa.table({f.name: pa.array(columns[f.name], f.type) for f in table.schema})
        record = folder.write_predictions(VARIANT, seed, made.cast(table.schema), {})
        manifest.files[folder.relative(path)] = record
    folder.write_manifest(manifest)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return SweepResults(with_scores(tmp_path_factory.mktemp("cache")))


def test_each_choice_finds_its_images_and_is_counted(results):
    index = ImageIndex.from_frame(results.images(VARIANT))
    facets = find(index, ALL, results.class_names, {}).facets
    assert facets.scores == {"tied": 20, "no-answer": 5}
    for chosen, expected in (
        (("tied",), [*range(10, 30)]),
        (("no-answer",), [*range(5)]),
        (("tied", "no-answer"), [*range(5), *range(10, 30)]),
    ):
        found = find(index, replace(ALL, scores=chosen), results.class_names, {})
        assert sorted(found.ids.tolist()) == expected
        assert found.facets.scores == facets.scores
    of_pies = find(index, Selection(scores=("tied",)), results.class_names, {})
    assert len(of_pies.ids) == of_pies.facets.scores["tied"] < 20


def test_the_address_says_it_and_unknown_values_fall_back():
    selection, notes = parse({"scores": ["tied", "<b>"]}, Known(), sweep=None)
    assert selection.scores == ("tied",)
    assert "scores=<b> is not available here" in notes[0]
    assert to_params(selection)["scores"] == ["tied"]
    assert chips(selection)[0]["field"] == "scores"


def test_the_count_of_forgotten_stands_beside_its_ties(results):
    summary = results.summary()
    row = summary.set_index("variant_id").loc[VARIANT]
    said = findings(summary, results.classes(), results.pairs())
    n_tied = int(row["n_forgotten_tied"])
    assert n_tied
    expected = f"{int(row['n_forgotten'])} forgotten{ties_of_forgotten(row)}, "
    assert f"({n_tied} of them" in expected
    assert expected in said[0]
    assert said[1].startswith(f"Several classes share the top score of 20 images at {VARIANT}")
    assert said[2].startswith(f"The scores are not finite of 5 images at {VARIANT}")
    assert f"| {int(row['n_forgotten'])} | {n_tied} |" in pairs_text(results.pairs(), summary)
    shown = variant_table(summary, results.manifest).set_index("Variant").loc[VARIANT]
    assert (shown["Tied scores"], shown["No answer"]) == ("20", "5")
    assert shown["Forgotten, tied"] == str(n_tied)


def test_nothing_is_said_of_scores_where_none_is_tied(tmp_path):
    plain = SweepResults(make_sweep(tmp_path))
    summary = plain.summary()
    assert of_scores(summary) == []
    assert "ties that hold" not in findings(summary, plain.classes(), plain.pairs())[0]
    assert "Tied scores" not in variant_table(summary, plain.manifest)


@pytest.mark.parametrize("seeds", [1, 2])
def test_every_page_stands_images_without_an_answer(tmp_path, open_page, seeds):  # noqa: F811
    with_scores(tmp_path, seeds=seeds)
    for page in ALL_PAGES:
        app = open_page(page)
        assert not app.error, (page, told(app))
    app = open_page("image", image="2")
    assert "no answer" in " ".join(one.value for one in app.markdown)
    app = open_page("image", image="12")
    assert "Top score" in " ".join(one.value for one in app.markdown)


@pytest.mark.parametrize("chosen", [["tied"], ["no-answer"], ["tied", "no-answer"]])
def test_the_lines_to_copy_give_the_same_images(tmp_path, open_page, monkeypatch, chosen):  # noqa: F811
    with_scores(tmp_path)
    shown = []
    monkeypatch.setattr(component, "grid", lambda data, _: shown.append(data))
    app = open_page("gallery", per_page="240", population="all", scores=chosen)
    app.session_state["gallery-code"] = True
    app.run()
    names: dict = {}
    exec(app.code[0].value, names)
    assert names["table"]["image_id"].tolist() == [tile["id"] for tile in shown[-1]["tiles"]]
    assert [one.label for one in app.checkbox if one.label.startswith("Top score tied")]
