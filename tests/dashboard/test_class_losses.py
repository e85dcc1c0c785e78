"""Classes and Attributes: margins, bounds, plans and risk differences, and what is pending."""

import numpy as np
import pandas as pd
import pytest

from analysis.presentation.attribute_findings import of_risks
from analysis.presentation.class_findings import of_losses
from analysis.presentation.findings import PENDING
from analysis.presentation.plans import plan_sentence
from analysis.results import SweepResults
from analysis.store.join import join
from dashboard import data, pending
from dashboard.views import attributes, attributes_all, class_losses
from tests.dashboard.test_pages import open_page as open_page
from tests.dashboard.test_pages import told
from tests.synthetic import make_sweep

PRUNED = "magnitude-0.90"


def written(app, testid):
    """Bodies of the HTML with a test id, as plain as they were given."""
    bodies = [one.proto.body for one in app.get("html") if f'"{testid}"' in one.proto.body]
    return " ".join(bodies)


@pytest.fixture
def drawn(monkeypatch):
    """Arguments of the figures that a page draws."""
    found = {}

    def watch(module, name):
        draw = getattr(module, name)

        def record(*args, **options):
            found[name] = (args, options)
            return draw(*args, **options)

        monkeypatch.setattr(module, name, record)

    watch(class_losses, "not_worse")
    watch(class_losses, "long_tail")
    watch(attributes_all, "risk_difference")
    watch(attributes, "deciles")
    return found


# --- classes --------------------------------------------------------------------------------------
def test_the_classes_page_says_what_loss_is_ruled_out(tmp_path, open_page, drawn):
    results = SweepResults(make_sweep(tmp_path, seeds=4))
    app = open_page("classes")
    assert not app.error, told(app)
    assert written(app, "loss-bounds").count(of_losses(PRUNED, results.classes(PRUNED))) == 1
    (rows,), options = drawn["not_worse"]
    assert options["margin"] == 0.02
    expected = results.classes(PRUNED)["loss_upper"]
    np.testing.assert_allclose(rows["loss_upper"], expected)
    shown = app.dataframe[0].value
    assert {"loss_upper", "loss_upper_named", "q_two_way", "q_sweep"} <= {*shown.columns}


def test_the_margin_is_in_the_address_and_moves_the_figure(tmp_path, open_page, drawn):
    make_sweep(tmp_path, seeds=4)
    app = open_page("classes")
    app.number_input(key="local-margin").set_value(3.5).run()
    assert not app.exception
    assert app.query_params["margin"] in ("3.5", ["3.5"])
    assert drawn["not_worse"][1]["margin"] == pytest.approx(0.035)
    app.number_input(key="local-margin").set_value(2.0).run()
    assert "margin" not in app.query_params


@pytest.mark.parametrize("name", ["margin", "difference"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1), ("1", 1.0), ("2.5", 2.5), ("2.55", 2.55), ("50", 50.0), ("0.3", 0.3),
        ("", 2.0), ("0", 2.0), ("-1", 2.0), ("51", 2.0), ("1e1", 2.0), ("nan", 2.0), ("inf", 2.0),
        ("1,5", 2.0), ("1.5<script>", 2.0), ("९", 2.0), ("1" * 400, 2.0), ("1_0", 2.0),
        (" 3", 2.0), ("0x10", 2.0),
    ],
)  # fmt: skip
def test_addresses_take_decimals_and_fall_back_on_what_is_none(monkeypatch, name, text, value):
    import streamlit as st

    from dashboard import state

    monkeypatch.setattr(st, "query_params", {name: text})
    monkeypatch.setattr(st, "session_state", {})
    bound = state.local(name, class_losses._MARGIN, class_losses._MARGINS)
    assert st.session_state[bound["key"]] == value


def test_an_address_of_a_margin_and_a_difference_is_opened(tmp_path, open_page, drawn):
    results = SweepResults(make_sweep(tmp_path, seeds=4))
    app = open_page("classes", margin="4.5", difference="0.25")
    assert app.number_input(key="local-margin").value == 4.5
    assert drawn["not_worse"][1]["margin"] == pytest.approx(0.045)
    row = results.plan(PRUNED, difference=0.0025).to_dict("records")[0]
    assert plan_sentence(row) in written(app, "plan")
    junk = open_page("classes", margin="junk", difference="-3")
    assert junk.number_input(key="local-margin").value == 2.0
    assert junk.number_input(key="local-difference").value == 2.0


def test_the_plan_is_of_every_class_and_of_the_difference_asked_for(tmp_path, open_page):
    results = SweepResults(make_sweep(tmp_path, seeds=4))
    app = open_page("classes")
    app.number_input(key="local-difference").set_value(1.0).run()
    assert app.query_params["difference"] in ("1.0", ["1.0"])
    plan = results.plan(PRUNED, difference=0.01)
    assert plan_sentence(plan.to_dict("records")[0]) in written(app, "plan")
    (table,) = [one.value for one in app.dataframe if "seeds_needed" in one.value]
    assert table["name"].tolist() == ["All images (top-1)", *results.class_names]
    np.testing.assert_allclose(table["seeds_needed"].astype(float), plan["seeds_needed"])
    assert any("difference=0.01" in one.value for one in app.code)


def test_one_run_has_bounds_over_images_and_no_plan(tmp_path, open_page):
    results = SweepResults(make_sweep(tmp_path, seeds=1))
    app = open_page("classes")
    assert not app.error
    said = of_losses(PRUNED, results.classes(PRUNED), has_seeds=False)
    assert "for other images, with these two models" in said
    assert said in written(app, "loss-bounds")
    assert "It takes two runs of dense and of the variant" in written(app, "plan")
    assert not [one for one in app.dataframe if "seeds_needed" in one.value]


@pytest.mark.parametrize("counts", [[5, 10, 20, 40, 80], [9] * 5, None])
def test_the_long_tail_is_shown_where_it_is_known(tmp_path, open_page, drawn, counts):
    folder = make_sweep(tmp_path, seeds=4)
    manifest = folder.manifest()
    manifest.dataset.train_counts = counts
    folder.write_manifest(manifest)
    app = open_page("classes")
    assert not app.error
    is_shown = counts is not None and len(set(counts)) > 1
    assert ("long_tail" in drawn) == is_shown
    assert ("doubling of training images" in written(app, "long-tail")) == is_shown
    assert ("Long tail" in [one.value for one in app.header]) == is_shown


# --- attributes -----------------------------------------------------------------------------------
def test_risk_differences_head_the_attributes(tmp_path, open_page, drawn):
    results = SweepResults(make_sweep(tmp_path, n_images=300, seeds=6))
    results.inference.keep(lambda *_: None)  # A page does not wait for it.
    for params in ({}, {"attribute": "planted"}):
        app = open_page("attributes", **params)
        assert not app.error, told(app)
        headers = [one.value for one in app.header]
        assert headers.index("PIEs that compression adds") < headers.index("What PIEs are made of")
        (rows,), _ = drawn.pop("risk_difference")
        expected = results.attributes(PRUNED)
        np.testing.assert_allclose(rows["risk_difference"], expected["risk_difference"])
        assert of_risks(expected) in written(app, "attribute-findings")
        table = app.dataframe[0].value
        assert {"risk_difference", "risk_difference_low", "contrast"} <= {*table.columns}


def test_numbers_are_shown_by_their_tenths(tmp_path, open_page, drawn):
    folder = make_sweep(tmp_path, seeds=6)
    join(folder, pd.DataFrame({"image_id": range(200), "<b>size": np.arange(200) / 7}))
    app = open_page("attributes", attribute="<b>size")
    assert not app.error, told(app)
    (rows,), _ = drawn["deciles"]
    expected = SweepResults(folder).attribute_deciles(PRUNED, attribute="<b>size")
    assert len(expected) == 10
    np.testing.assert_allclose(rows["excess"], expected["excess"])
    assert app.header[0].value.startswith("PIE excess by")


# --- pending --------------------------------------------------------------------------------------
@pytest.fixture
def never(monkeypatch):
    """What holds for other seeds is never there."""
    monkeypatch.setattr(data, "has_inference", lambda _: False)


@pytest.mark.usefixtures("never")
def test_the_overview_waits_for_other_seeds_and_says_so(tmp_path, open_page):
    make_sweep(tmp_path, seeds=4)
    app = open_page()
    assert not app.error
    assert [one.value for one in app.caption].count(pending._COMPUTING) == 1
    assert PENDING in written(app, "findings")
    assert "permutation test" not in written(app, "findings")


def test_what_is_there_is_not_waited_for(tmp_path, open_page):
    folder = make_sweep(tmp_path, seeds=4)
    SweepResults(folder).inference.keep(lambda *_: None)
    app = open_page()
    assert not [one for one in app.caption if "being computed" in one.value]
    assert "permutation test over runs" in written(app, "findings")


@pytest.mark.usefixtures("never")
def test_attributes_wait_for_other_seeds(tmp_path, open_page):
    make_sweep(tmp_path, seeds=4)
    app = open_page("attributes")
    assert not app.error
    assert pending._COMPUTING in [one.value for one in app.caption]
    # The rest is shown at once.
    assert app.dataframe


def test_an_unfinished_sweep_says_when_other_seeds_are_told_of(tmp_path, open_page):
    folder = make_sweep(tmp_path, seeds=4)
    manifest = folder.manifest()
    manifest.run(PRUNED, 3).state = "planned"
    folder.write_manifest(manifest)
    app = open_page()
    assert not app.error
    assert pending._UNFINISHED in [one.value for one in app.caption]
    assert PENDING in written(app, "findings")


def test_what_fails_beside_the_pages_is_said(tmp_path, open_page, monkeypatch):
    from analysis.errors import CacheError
    from analysis.results.inference import SeedInference

    def broken(*_):
        raise CacheError("the disk is full of holes")

    make_sweep(tmp_path, seeds=4)
    monkeypatch.setattr(SeedInference, "keep", broken)
    app = open_page()
    assert any("full of holes" in one.value for one in app.error)
