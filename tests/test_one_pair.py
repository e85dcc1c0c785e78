"""One run a variant: what single models say, in tables, sentences and on the pages."""

import numpy as np
import pytest

from analysis.figures.class_impact import class_impact, class_impact_info
from analysis.findings import findings
from analysis.results import SweepResults
from tests.dashboard.test_pages import open_page as open_page
from tests.dashboard.test_pages import told
from tests.synthetic import make_sweep


@pytest.fixture
def single(tmp_path):
    return SweepResults(make_sweep(tmp_path, n_images=2000, seeds=1))


def test_the_pairs_table_counts_what_the_predictions_say(single):
    rows = single.pairs().set_index("variant_id")
    assert list(rows.index) == single.compressed_ids
    dense = single.population("dense").prediction[0] == single.label
    variant = single.population("magnitude-0.90").prediction[0] == single.label
    row = rows.loc["magnitude-0.90"]
    assert row["flips_to_wrong"] == (dense & ~variant).sum()
    assert row["flips_to_right"] == (variant & ~dense).sum()
    assert row["top1_delta"] == pytest.approx(variant.mean() - dense.mean())
    assert row["ci_low"] < row["top1_delta"] < row["ci_high"]
    assert single.table("pairs", "int8-static")["variant_id"].tolist() == ["int8-static"]


def test_populations_have_no_pairs(tmp_path):
    assert SweepResults(make_sweep(tmp_path, seeds=2)).pairs().empty


def test_the_sentences_say_both_signs_and_what_more_runs_would_give(single):
    tables = single.summary(), single.classes(), single.seed_test()
    said = findings(*tables, single.pairs())
    assert said[1].startswith("One pair of models: top-1 changes by -")
    assert "flip to wrong" in said[1]
    assert "to right" in said[1]
    assert "McNemar" in said[2]
    assert "two dense runs" in said[3]
    assert len(findings(*tables)) == 3


def test_classes_are_judged_by_the_change_of_recall(single):
    classes = single.classes("magnitude-0.90")
    info = class_impact_info(classes, rule="mcnemar_p")
    at_p = classes[classes["mcnemar_p"] <= 0.05]
    assert info.n_lost == (at_p["recall_delta"] < 0).sum() > 0
    assert info.n_gained == (at_p["recall_delta"] > 0).sum()
    title = class_impact(classes, rule="mcnemar_q").layout.title
    assert "McNemar" in title.subtitle.text


def test_confidence_lost_is_the_true_class_of_dense_minus_that_of_the_variant(single):
    images = single.images("magnitude-0.90", columns=["true_confidence", "dense_true_confidence"])
    of_variant = single.folder.read_population("magnitude-0.90", ["true_confidence"], [0], 2000)
    expected = of_variant["true_confidence"][0]
    assert np.allclose(images["true_confidence"], expected)


@pytest.mark.parametrize("page", ["", "classes"])
def test_the_pages_test_what_can_be_tested(tmp_path, open_page, page):
    make_sweep(tmp_path, n_images=2000, seeds=1)
    app = open_page(page)
    text = told(app) + " ".join(element.proto.body for element in app.get("html"))
    assert "McNemar" in text
    assert "No class can be tested" not in text


def test_the_gallery_sorts_by_confidence_lost(tmp_path, open_page, monkeypatch):
    from dashboard.gallery import component

    results = SweepResults(make_sweep(tmp_path, seeds=1))
    shown = []
    monkeypatch.setattr(component, "grid", lambda data, _: shown.append(data))
    open_page("gallery", population="all", sort="confidence_lost", per_page="240")
    images = results.images("magnitude-0.90")
    lost = (images["dense_true_confidence"] - images["true_confidence"]).to_numpy()
    ids = [tile["id"] for tile in shown[-1]["tiles"]]
    assert (np.diff(lost[ids]) <= 0).all()
    assert len(ids) == 200
