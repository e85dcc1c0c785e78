"""One run a variant: what single models say, in tables, sentences and on the pages."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import streamlit as st
from PIL import ImageDraw
from scipy.stats import binomtest, false_discovery_control

from analysis.cli.main import main
from analysis.export import Chosen, share_bytes, sharing_format
from analysis.export.selection import choose, order_of
from analysis.figures.class_heatmap import class_heatmap, most_changed
from analysis.figures.class_impact import class_impact, class_impact_info, usual_rule
from analysis.figures.curves import metric_curve
from analysis.figures.hardness import pie_accuracy
from analysis.figures.over_representation import over_representation
from analysis.figures.shifts import shift_pairs_heatmap
from analysis.figures.trade_off import trade_off
from analysis.presentation.findings import findings
from analysis.presentation.pair_findings import MORE_RUNS, one_pair, pairs_under_shifts
from analysis.presentation.tables import PAIR_HELP, pair_table
from analysis.report.gallery import galleries
from analysis.report.page import facts
from analysis.report.scope import scope_of
from analysis.results import SweepResults
from analysis.stats.pairs import WORDS
from tests.dashboard.test_pages import open_page as open_page
from tests.dashboard.test_pages import told
from tests.synthetic import by_hand, make_sweep


def flat(figure):
    """The subtitle in one line."""
    return " ".join(figure.layout.title.subtitle.text.replace("<br>", " ").split())


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
    tables = single.summary(), single.classes()
    said = findings(*tables, single.pairs())
    assert said[1].startswith("One pair of models: top-1 changes by -")
    assert "flip to wrong" in said[1]
    assert "to right" in said[1]
    assert "McNemar" in said[2]
    assert "against overall accuracy (for other images, with these two models, at q" in said[3]
    assert "of recall, for other images, with these two models (one-sided 95 %" in said[4]
    assert said[5] == MORE_RUNS
    assert len(said) == 6
    assert not [one for one in said if "other seeds and" in one or "the paper's rule" in one]
    assert any("too few runs for a noise floor" in one for one in findings(*tables))


def test_the_sentences_are_of_the_variant_asked_for(single):
    tables = single.summary(), single.classes()
    for variant_id in single.compressed_ids:
        said = findings(*tables, single.pairs(), single=variant_id)
        row = single.pairs(variant_id).iloc[0]
        assert said[0].startswith(f"At {variant_id}")
        assert "mean top-1" not in said[0]
        assert f"{row['flips_to_wrong']} of 2,000 images flip to wrong" in said[1]
    assert findings(*tables, single.pairs(), single="dense") == findings(*tables, single.pairs())


def test_what_chance_gives_is_said_without_exponents():
    classes = pd.DataFrame(
        {"mcnemar_p": np.ones(21_000), "mcnemar_q": 1.0, "recall_delta": 0.0, "p_two_way": np.nan,
         "loss_upper": np.nan}
    )  # fmt: skip
    row = pd.Series(
        {"variant_id": "int8", "top1_delta": 0.0, "ci_low": 0.0, "ci_high": 0.0, "mcnemar_p": 1.0,
         "flips_to_wrong": 0, "flips_to_right": 0, "n_images": 9, "kl_from_dense": np.nan}
    )  # fmt: skip
    assert "at most 1,050 expected by chance" in one_pair(row, classes)[1]
    assert "at most 0.5 expected" in one_pair(row, classes.head(10))[1]


def test_the_table_of_pairs_says_what_the_pairs_table_does(single):
    pairs = single.pairs().assign(kl_from_dense=[0.0123456, np.nan, 2.0])
    shown = pair_table(pairs)
    assert shown["Variant"].tolist() == single.compressed_ids
    assert set(PAIR_HELP) == set(shown.columns) - {"Variant"}
    assert shown["KL, nats"].tolist() == ["0.0123", "–", "2"]
    row, first = pairs.iloc[0], shown.iloc[0]
    assert first["Top-1, points"] == f"{100 * row['top1_delta']:+.2f}"
    assert first["95 % interval"] == f"{100 * row['ci_low']:+.2f} to {100 * row['ci_high']:+.2f}"
    assert first["To wrong"] == str(row["flips_to_wrong"])
    assert first["To right"] == str(row["flips_to_right"])


def test_overview_shows_all_pairs_and_speaks_of_the_one_chosen(tmp_path, open_page):
    results = SweepResults(make_sweep(tmp_path, seeds=1))
    app = open_page()
    table = pairs_of(app)
    assert table["Variant"].tolist() == results.compressed_ids
    assert any("sweep.pairs()" in one.value for one in app.code)
    assert "At magnitude-0.90" in findings_of(app)
    (choice,) = [one for one in app.selectbox if one.label == "Method"]
    choice.select("int8-static").run()
    assert not app.exception
    assert "At int8-static" in findings_of(app)
    assert app.query_params["method"] == "int8-static"


def test_a_row_of_the_pairs_opens_its_gallery(tmp_path, open_page, monkeypatch):
    from dashboard.views import overview

    make_sweep(tmp_path, seeds=1)
    opened = []
    monkeypatch.setattr(overview, "open_gallery", lambda _, **asked: opened.append(asked))
    chosen = {"selection": {"rows": [2]}}
    real = st.dataframe
    monkeypatch.setattr(
        st, "dataframe",
        lambda *a, **named: (real(*a, **named), chosen)[1] if "on_select" in named else
        real(*a, **named),
    )  # fmt: skip
    open_page()
    assert opened == [{"variant": "int8-static"}]


def test_one_pair_alone_and_populations_have_no_table_of_pairs(tmp_path, open_page):
    make_sweep(tmp_path, seeds=1, variants=["int8-static"])
    assert pairs_of(open_page()) is None
    make_sweep(tmp_path, "populations", seeds=2)
    assert pairs_of(open_page(sweep="populations")) is None


def pairs_of(app):
    return next((one.value for one in app.dataframe if "McNemar's p" in one.value), None)


def findings_of(app):
    return next(body for e in app.get("html") if "lethe-findings" in (body := e.proto.body))


def test_show_and_report_say_that_single_models_are_compared_image_by_image(tmp_path, capsys):
    folder = make_sweep(tmp_path, seeds=1)
    manifest = folder.manifest()
    manifest.pairing = "imported; runs are taken as independent of the dense ones"
    folder.write_manifest(manifest)
    assert main(["show", "made", "--cache", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "compared with the dense one image by image; made from the dense one: int8-static" in (
        said
    )
    assert "independent" not in said
    pairing = facts(scope_of(SweepResults(folder), None))["Pairing"]
    assert pairing in said


def test_show_says_the_pairing_of_populations_as_it_was_recorded(tmp_path, capsys):
    folder = make_sweep(tmp_path, seeds=2)
    manifest = folder.manifest()
    manifest.pairing = "imported; runs are taken as independent of the dense ones"
    folder.write_manifest(manifest)
    assert main(["show", "made", "--cache", str(tmp_path)]) == 0
    assert f"pairing: {manifest.pairing}\n" in capsys.readouterr().out


def test_share_says_its_order(capsys):
    with pytest.raises(SystemExit):
        main(["share", "--help"])
    assert "confidence lost in the true class" in " ".join(capsys.readouterr().out.split())


def test_classes_are_judged_by_the_change_of_recall(single):
    classes = single.classes("magnitude-0.90")
    info = class_impact_info(classes, rule="mcnemar_p")
    at_p = classes[classes["mcnemar_p"] <= 0.05]
    assert info.n_lost == (at_p["recall_delta"] < 0).sum() > 0
    assert info.n_gained == (at_p["recall_delta"] > 0).sum()
    title = class_impact(classes, rule="mcnemar_q").layout.title
    assert "McNemar" in title.subtitle.text


def test_the_heat_map_marks_what_mcnemar_finds(single):
    classes = single.classes()
    figure = class_heatmap(classes)
    assert figure.layout.title.text == "Change of recall by class and variant"
    n_p, n_q = (int((classes[name] <= 0.05).sum()) for name in ("mcnemar_p", "mcnemar_q"))
    assert 0 < n_q <= n_p
    marked = {trace.name: len(trace.x) for trace in figure.data[1:]}
    assert marked.get("q ≤ 0.05") == n_q
    assert marked.get("p ≤ 0.05", 0) == n_p - n_q
    assert f"{n_p} are significant at McNemar's p ≤ 0.05" in flat(figure)
    assert "One model each, tested over images" in flat(figure)
    said = [cell[4] for row in figure.data[0].customdata for cell in row]
    assert said.count("significant at q ≤ 0.05") == n_q
    calm = classes.assign(mcnemar_p=0.5, mcnemar_q=0.9)
    assert "No class is significant (McNemar's p ≤ 0.05)" in flat(class_heatmap(calm))


def test_the_heat_map_of_single_models_keeps_the_largest_changes_of_recall(single):
    classes = single.classes()
    largest = classes.groupby("class_id")["recall_delta"].agg(lambda v: v.abs().max()).nlargest(2)
    assert set(most_changed(classes, 2)["class_id"]) == set(largest.index)


def test_the_heat_map_of_populations_says_nothing_of_single_models(tmp_path):
    classes = SweepResults(make_sweep(tmp_path, seeds=6)).classes()
    figure = class_heatmap(classes)
    assert figure.layout.title.text == "Normalized change of recall by class and variant"
    assert "McNemar" not in flat(figure)
    assert "One model each" not in flat(figure)


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


def test_the_gallery_of_single_models_starts_with_the_confidence_lost(
    tmp_path, open_page, monkeypatch
):
    from dashboard.gallery import component

    results = SweepResults(make_sweep(tmp_path, seeds=1))
    shown = []
    monkeypatch.setattr(component, "grid", lambda data, _: shown.append(data))
    app = open_page("gallery", variant="magnitude-0.90")
    images = results.images("magnitude-0.90")
    pies = images[images["is_pie"]]
    lost = pies["dense_true_confidence"] - pies["true_confidence"]
    order = lost.sort_values(ascending=False, kind="stable").index
    tiles = shown[-1]["tiles"]
    assert [tile["id"] for tile in tiles] == pies.loc[order, "image_id"].tolist()[:60]
    first = images.loc[tiles[0]["id"]]
    confidences = f"{first['dense_true_confidence']:.0%} → {first['true_confidence']:.0%}"
    assert tiles[0]["agreement"].replace(" %", "%") == confidences
    assert "of its runs" not in tiles[0]["alt"]
    assert not OF_POPULATIONS & {one.key for one in app.slider}
    (sort,) = [one for one in app.selectbox if one.label == "Sort by"]
    assert "Vote distance" not in sort.options
    assert any("two runs" in one.value for one in app.caption)


OF_POPULATIONS = {"widget-agreement", "widget-distance"}


def test_populations_keep_vote_distance(tmp_path, open_page):
    make_sweep(tmp_path, seeds=2)
    app = open_page("gallery")
    (sort,) = [one for one in app.selectbox if one.label == "Sort by"]
    assert sort.value == "vote_distance"
    assert {one.key for one in app.slider} >= OF_POPULATIONS


def test_a_sort_that_takes_a_population_still_says_why_it_sorts_nothing(tmp_path, open_page):
    make_sweep(tmp_path, seeds=1)
    app = open_page("gallery", sort="stability")
    assert any("needs two runs" in one.value for one in app.caption)


def test_the_image_page_says_confidences_and_what_votes_would_take(tmp_path, open_page):
    make_sweep(tmp_path, seeds=1)
    app = open_page("image")
    said = " ".join(one.value for one in (*app.markdown, *app.caption))
    assert "Confidence in the true class" in said
    assert "Vote distance" not in said.replace("vote distance", "")
    assert "take two runs" in said


def test_show_says_the_pair_and_what_more_runs_would_give(tmp_path, capsys):
    row = SweepResults(make_sweep(tmp_path, seeds=1)).pairs("int8-static").iloc[0]
    assert main(["show", "made", "--results", "--cache", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    (line,) = [one for one in said.splitlines() if one.startswith("| int8-static") and "[" in one]
    assert f"{100 * row['top1_delta']:+.2f} [{100 * row['ci_low']:+.2f}" in line
    assert said.rstrip().endswith(MORE_RUNS)


def test_show_says_no_pair_of_populations(tmp_path, capsys):
    make_sweep(tmp_path, seeds=2)
    assert main(["show", "made", "--results", "--cache", str(tmp_path)]) == 0
    assert "McNemar" not in capsys.readouterr().out


def test_figures_say_what_takes_more_runs(single):
    curve = metric_curve(single.curves(), metric="top1")
    assert "takes two runs a variant" in curve.layout.title.subtitle.text
    assert "they take two dense runs" in flat(pie_accuracy(single.summary()))
    summary = single.summary().assign(size_bytes=[4e5, 3e5, 2e5, 1e5][: len(single.summary())])
    assert "take two dense runs" in flat(trade_off(summary))
    classes = single.classes("magnitude-0.90")
    assert "95 % interval over images." in flat(class_impact(classes, rule="mcnemar_p"))
    assert "significance need at least two runs" in flat(class_impact(classes, rule="p"))


def test_figures_of_populations_ask_for_no_more_runs(tmp_path):
    results = SweepResults(make_sweep(tmp_path, seeds=6))
    assert "the A/A PIEs of the dense halves (×) too" in flat(pie_accuracy(results.summary()))
    classes = results.classes("magnitude-0.90")
    assert "95 % interval over runs and images." in flat(class_impact(classes))


def test_attributes_of_one_pair_are_held_against_no_seed_noise(single):
    rows = single.attributes("magnitude-0.90")
    assert not rows.empty
    said = flat(over_representation(rows))
    assert "they take two dense runs" in said
    assert "Like for like" not in said


def test_compare_and_overview_say_what_takes_more_runs(tmp_path, open_page):
    results = SweepResults(make_sweep(tmp_path, seeds=1))
    for page in ("", "compare"):
        app = open_page(page)
        assert any("better ten" in one.value for one in app.caption), page
    assert any("by falling confidence lost" in one.value for one in app.caption)
    assert not any("by falling vote distance" in one.value for one in app.caption)
    assert usual_rule(results.classes("magnitude-0.90")) == "mcnemar_p"


def test_populations_are_told_of_no_more_runs(tmp_path, open_page):
    results = SweepResults(make_sweep(tmp_path, seeds=4))
    for page in ("", "compare", "gallery", "image"):
        app = open_page(page)
        assert not any("One run a variant" in one.value for one in app.caption), page
    assert usual_rule(results.classes("magnitude-0.90")) == "q_two_way"


def test_images_are_shared_by_the_confidence_lost(single):
    images = single.images("magnitude-0.90")
    pies = images[images["is_pie"]]
    lost = pies["dense_true_confidence"] - pies["true_confidence"]
    expected = pies.loc[lost.sort_values(ascending=False, kind="stable").index, "image_id"]
    assert choose(single, "magnitude-0.90").tolist() == expected.tolist()


def test_the_page_export_says_the_order(tmp_path, open_page):
    make_sweep(tmp_path, seeds=1)
    app = open_page("export")
    assert any("by falling confidence lost" in one.value for one in app.caption)


@pytest.mark.parametrize(
    ("missing", "order"),
    [
        ((), "confidence_lost"),
        (("true_confidence",), "dense_confidence"),
        (("true_confidence", "confidence"), "image_id"),
    ],
)
def test_gallery_report_share_and_compare_have_one_order(
    tmp_path, open_page, monkeypatch, missing, order
):
    from dashboard.gallery import component

    results = SweepResults(without(make_sweep(tmp_path, seeds=1), missing))
    chosen = choose(results, "magnitude-0.90", kinds=["forgotten"]).tolist()
    assert len(chosen) > 12
    images = results.images("magnitude-0.90")
    key = {
        "confidence_lost": images["dense_true_confidence"] - images["true_confidence"],
        "dense_confidence": images["dense_confidence"],
        "image_id": -images["image_id"].astype(float),
    }[order]
    assert key[chosen].is_monotonic_decreasing
    assert order_of(results, "magnitude-0.90") == WORDS[order]

    shown = []
    monkeypatch.setattr(component, "grid", lambda data, _: shown.append(data))
    app = open_page("gallery", kind="forgotten")
    assert [tile["id"] for tile in shown[-1]["tiles"]] == chosen[:60]

    gallery = galleries(scope_of(results, ["magnitude-0.90"]))["magnitude-0.90"]
    tiles = gallery.tiles["forgotten"]
    assert [tile.image_id for tile in tiles] == chosen[: len(tiles)]
    if order != "confidence_lost":
        assert gallery.order == WORDS[order]

    for page in ("compare", "export"):
        app = open_page(page)
        assert any(WORDS[order] in one.value for one in app.caption), page


def without(folder, columns):
    """Take the confidences out of all predictions of a sweep, as of an import without them."""
    manifest = folder.manifest()
    for variant_id, seed, _ in manifest.all_runs():
        table = pq.read_table(folder.prediction_path(variant_id, seed))
        for name in columns:
            at = table.schema.get_field_index(name)
            nothing = pa.nulls(len(table), table.schema.field(name).type)
            table = table.set_column(at, table.schema.field(name), nothing)
        path = folder.relative(folder.prediction_path(variant_id, seed))
        manifest.files[path] = folder.write_predictions(variant_id, seed, table, {})
    folder.write_manifest(manifest)
    return folder


# --- under shifts -------------------------------------------------------------------------------
@pytest.fixture
def shifted(tmp_path):
    made = make_sweep(tmp_path, n_images=600, seeds=1, shifts=("fog-3", "snow-5"))
    return SweepResults(made)


def test_pairs_under_shifts_count_what_the_predictions_say(shifted):
    table = shifted.shift_pairs()
    assert list(zip(table["variant_id"], table["shift"], strict=True)) == [
        (variant, shift) for variant in shifted.compressed_ids for shift in ("fog-3", "snow-5")
    ]
    for row in table.to_dict("records"):
        dense, variant = (
            pd.read_parquet(shifted.folder.prediction_path(v, 0, shift=row["shift"]))["prediction"]
            == shifted.label
            for v in ("dense", row["variant_id"])
        )
        assert row["flips_to_wrong"] == (dense & ~variant).sum()
        assert row["flips_to_right"] == (variant & ~dense).sum()
        assert row["dense_top1"] == pytest.approx(dense.mean())
        assert row["top1"] == pytest.approx(variant.mean())
        flipped = int((dense != variant).sum())
        fewer = min(row["flips_to_wrong"], row["flips_to_right"])
        assert row["mcnemar_p"] == pytest.approx(binomtest(fewer, flipped).pvalue)
        assert row["ci_low"] < row["top1_delta"] < row["ci_high"]
    q = false_discovery_control(table["mcnemar_p"])
    assert table["mcnemar_q"].to_numpy() == pytest.approx(q)
    assert shifted.table("shift-pairs", "int8-static")["shift"].tolist() == ["fog-3", "snow-5"]


def test_populations_have_no_pairs_under_shifts(tmp_path):
    assert SweepResults(make_sweep(tmp_path, seeds=2, shifts=("fog-3",))).shift_pairs().empty
    single = SweepResults(make_sweep(tmp_path / "plain", seeds=1))
    assert single.shift_pairs().empty


def changed(*deltas, q=0.01):
    return pd.DataFrame(
        {
            "variant_id": "int8", "shift": [f"fog-{i}" for i in range(len(deltas))],
            "top1_delta": deltas, "mcnemar_p": q, "mcnemar_q": q, "top1": 0.5, "dense_top1": 0.5,
        }
    )  # fmt: skip


def test_what_is_said_of_shifts_has_both_signs_and_only_what_is_significant():
    said = pairs_under_shifts(changed(-0.02, -0.05, 0.03))
    assert "fewer images than dense in 2 and on more in 1" in said
    assert "largest loss among them is -5.0 points, of int8 under fog-1" in said
    assert "largest gain among them is +3.0 points, of int8 under fog-2" in said
    only_gains = pairs_under_shifts(changed(0.03))
    assert "loss" not in only_gains
    assert "No model is right on significantly more or fewer" in pairs_under_shifts(
        changed(-0.02, 0.01, q=0.2)
    )


def test_the_figure_of_pairs_under_shifts_marks_them_beside_the_clean_images(shifted):
    pairs, clean = shifted.shift_pairs(), shifted.pairs()
    figure = shift_pairs_heatmap(pairs, clean)
    cells = figure.data[0]
    assert np.asarray(cells.z).shape == (3, len(shifted.compressed_ids))
    assert np.asarray(cells.z)[0] == pytest.approx(100 * clean["top1_delta"].to_numpy())
    assert cells.customdata[1][0][0] == "fog-3"
    at_q = int((pairs["mcnemar_q"] <= 0.05).sum())
    marked = next(trace for trace in figure.data if trace.name == "q ≤ 0.05")
    assert sum(x is not None for x in marked.x) == at_q
    assert at_q > 0
    assert "Nothing to show" in flat_of(shift_pairs_heatmap(pairs.iloc[:0], clean))


def flat_of(figure):
    return " ".join(one.text for one in figure.layout.annotations)


def test_the_robustness_page_compares_single_models_image_by_image(shifted, open_page):
    assert len(shifted.shift_pairs())
    app = open_page("robustness")
    said = " ".join(one.value for one in (*app.markdown, *app.caption))
    assert "pairs of a compressed model and a shift" in said
    assert "McNemar's exact test over the images of a shift" in said
    assert "Nothing can be tested" not in said


def test_long_names_keep_their_ends_in_the_tables_of_the_overview(tmp_path, open_page):
    folder = make_sweep(tmp_path, seeds=1)
    manifest = folder.manifest()
    names = {
        record.variant_id: f"{'int8-per-channel-' * 4}{i}"
        for i, record in enumerate(manifest.variants)
        if record.variant_id != "dense"
    }
    for old, new in names.items():
        folder.prediction_path(old, 0).parent.rename(folder.prediction_path(new, 0).parent)
    manifest_file = folder.path / "manifest.json"
    text = json.dumps(by_hand(manifest_file))
    for old, new in names.items():
        text = text.replace(old, new)
    manifest_file.write_text(text)
    app = open_page()
    for table in [pairs_of(app), *(one.value for one in app.dataframe if "PIEs" in one.value)]:
        shown = [one for one in table["Variant"] if one != "dense"]
        assert [one[-1] for one in shown] == ["1", "2", "3"]
        assert max(map(len, shown)) < 40


@pytest.mark.parametrize("seeds", [1, 5])
def test_a_contact_sheet_says_predictions_of_single_models_and_shares_of_populations(
    tmp_path, monkeypatch, seeds
):
    drawn = []
    monkeypatch.setattr(
        ImageDraw.ImageDraw, "text", lambda _, at, said, *more, **named: drawn.append(said)
    )
    results = SweepResults(make_sweep(tmp_path, seeds=seeds))
    chosen = Chosen(results, "magnitude-0.90", choose(results, "magnitude-0.90")[:4], "PIEs")
    share_bytes(chosen, sharing_format("contact-sheet-png"))
    said = " ".join(drawn)
    assert ("prediction of dense" in said) == (seeds == 1)
    assert ("share of runs that agree" in said) == (seeds > 1)
    assert (" %" in said) == (seeds > 1)
    assert "(blank)" not in said
