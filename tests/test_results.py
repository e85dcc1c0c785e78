"""The tables of the contract, computed from sweeps written through the real store."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.errors import CacheError, UserError
from analysis.results import TABLES, SweepResults, load_sweep
from tests.synthetic import make_sweep

CONTRACT = {
    "runs": "variant_id method target_sparsity sparsity weight_bits size_bytes seed top1 top5 ece",
    "images": "variant_id image_id label dense_modal_label modal_label dense_agreement agreement "
    "dense_tied tied is_pie kind vote_distance dense_accuracy accuracy",
    "classes": "variant_id class_id class_name n_images dense_recall recall recall_delta "
    "normalized_recall_delta t df p q ci_low ci_high t_reference p_reference",
    "summary": "variant_id n_runs top1_mean top1_std top5_mean n_pies pie_share n_tied "
    "noise_floor_share pie_share_half n_impacted_p n_impacted_q dense_top1_on_pies "
    "dense_top1_on_non_pies top1_on_pies top1_on_non_pies",
    "curves": "method target_sparsity sparsity metric mean std ci_low ci_high n_runs",
}
CONTRACT["pies"] = CONTRACT["images"]
COMPRESSED = ["magnitude-0.50", "magnitude-0.90", "int8-static", "magnitude-0.90+int8-static"]
VARIANTS = ("magnitude=0.5,0.9", "int8-static", "magnitude=0.9+int8-static")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("cache")
    make_sweep(root, "made", variants=VARIANTS)
    make_sweep(root, "single", seeds=1)
    return root


@pytest.fixture(scope="module")
def results(root):
    return load_sweep("made", cache=root)


# --- columns and rows ---------------------------------------------------------------------------
def test_every_table_of_the_contract_is_there():
    assert set(TABLES) == set(CONTRACT)


@pytest.mark.parametrize("table", TABLES)
def test_columns_begin_with_those_of_the_contract_in_their_order(results, table):
    expected = CONTRACT[table].split()
    assert list(results.table(table).columns)[: len(expected)] == expected


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_the_same_with_a_variant_and_in_an_empty_sweep(results, tmp_path, table):
    whole = list(results.table(table).columns)
    assert list(results.table(table, "magnitude-0.90").columns) == whole
    folder = make_sweep(tmp_path, "empty", n_images=5, seeds=1)
    manifest = folder.manifest()
    for _, _, run in manifest.all_runs():
        run.state = "planned"
    folder.write_manifest(manifest)
    empty = SweepResults(folder).table(table)
    assert list(empty.columns) == whole
    assert empty.empty


@pytest.mark.parametrize("table", ["runs", "summary"])
def test_runs_and_summary_contain_dense_first(results, table):
    assert list(dict.fromkeys(results.table(table)["variant_id"])) == ["dense", *COMPRESSED]


@pytest.mark.parametrize("table", ["images", "pies", "classes"])
def test_images_pies_and_classes_hold_every_variant_but_dense(results, table):
    assert list(dict.fromkeys(results.table(table)["variant_id"])) == COMPRESSED


def test_there_is_a_row_an_image_a_class_and_a_run(results):
    assert len(results.images()) == 4 * 200
    assert len(results.classes()) == 4 * 5
    assert len(results.runs()) == 5 * 6


def test_pies_are_the_pies_of_images(results):
    images, pies = results.images("magnitude-0.90"), results.pies("magnitude-0.90")
    assert set(pies["image_id"]) == set(images.loc[images["is_pie"], "image_id"])
    assert pies["vote_distance"].is_monotonic_decreasing
    assert pies.index.tolist() == list(range(len(pies)))


@pytest.mark.parametrize("table", TABLES)
def test_a_variant_keeps_exactly_its_rows(results, table):
    whole = results.table(table)
    if table == "curves":
        kept = whole[(whole["method"] == "magnitude") & (whole["target_sparsity"] == 0.9)]
    else:
        kept = whole[whole["variant_id"] == "magnitude-0.90"]
    part = results.table(table, "magnitude-0.90")
    assert len(part) > 0
    pd.testing.assert_frame_equal(part, kept.reset_index(drop=True), check_dtype=False)


def test_curves_of_a_variant_without_sparsity_are_kept_apart(results):
    part = results.table("curves", "int8-static")
    assert set(part["method"]) == {"int8-static"}
    assert part["target_sparsity"].isna().all()


# --- what the numbers are -----------------------------------------------------------------------
def test_fractions_are_never_percent(results):
    summary = results.summary()
    shares = summary.filter(regex="share|top1|top5|ece").drop(columns="top1_std")
    values = shares.to_numpy(dtype=float)
    assert (values[~np.isnan(values)] <= 1).all()


def test_the_tables_agree_with_each_other(results):
    summary = results.summary().set_index("variant_id")
    images, runs, classes = results.images(), results.runs(), results.classes()
    for variant in COMPRESSED:
        rows = images[images["variant_id"] == variant]
        assert summary.loc[variant, "n_pies"] == rows["is_pie"].sum()
        assert summary.loc[variant, "n_tied"] == (rows["tied"] | rows["dense_tied"]).sum()
        top1 = runs.loc[runs["variant_id"] == variant, "top1"]
        assert summary.loc[variant, "top1_mean"] == pytest.approx(top1.mean())
        assert rows["accuracy"].mean() == pytest.approx(top1.mean())
        part = classes[classes["variant_id"] == variant]
        weighted = (part["recall"] * part["n_images"]).sum() / part["n_images"].sum()
        assert weighted == pytest.approx(top1.mean())


def test_dense_has_null_pie_columns_in_the_summary(results):
    dense = results.summary().iloc[0]
    unknown = ["n_pies", "pie_share", "n_tied", "pie_share_half", "top1_on_pies"]
    assert dense[unknown].isna().all()
    assert dense["noise_floor_share"] > 0


def test_only_paired_variants_have_the_paired_test(results):
    classes = results.classes().set_index("variant_id")
    assert classes.loc["int8-static", "paired_p"].notna().all()
    assert classes.loc["magnitude-0.90", "paired_p"].isna().all()


def test_target_sparsity_is_zero_for_dense_and_null_where_nothing_is_pruned(results):
    target = results.summary().set_index("variant_id")["target_sparsity"]
    assert target["dense"] == 0
    assert np.isnan(target["int8-static"])
    assert target["magnitude-0.90"] == 0.9


def test_the_default_variant_is_the_most_compressed_pruned_one(results):
    assert results.default_variant() == "magnitude-0.90"


def test_votes_of_an_image_add_up_to_the_runs(results):
    votes = results.votes(3)
    assert (votes.groupby("variant_id")["votes"].sum() == 6).all()
    row = results.images("magnitude-0.90").iloc[3]
    most = votes[votes["variant_id"] == "magnitude-0.90"].iloc[0]
    assert most["share"] == row["agreement"]


# --- tie rules ----------------------------------------------------------------------------------
def test_tie_rules_differ_only_on_tied_images(root):
    tables = {
        ties: load_sweep("made", cache=root, ties=ties).images("magnitude-0.90")
        for ties in ("confidence", "reference", "exclude")
    }
    one = tables["confidence"]
    tied = one["tied"] | one["dense_tied"]
    assert tied.any()
    for table in tables.values():
        assert (table["tied"] == one["tied"]).all()
        assert (table.loc[~tied, "is_pie"] == one.loc[~tied, "is_pie"]).all()
    assert not tables["exclude"].loc[tied, "is_pie"].any()
    assert (tables["exclude"]["modal_label"] == one["modal_label"]).all()
    larger = tables["reference"]["modal_label"] >= one["modal_label"]
    assert larger[one["tied"]].all()
    assert (tables["reference"]["modal_label"] != one["modal_label"]).any()


def test_excluding_ties_keeps_all_images_as_the_denominator(root):
    row = load_sweep("made", cache=root, ties="exclude").summary().iloc[2]
    assert row["pie_share"] == row["n_pies"] / 200


# --- one run ------------------------------------------------------------------------------------
def test_one_run_has_pies_but_no_test_no_floor_and_no_interval(root):
    results = load_sweep("single", cache=root)
    row = results.summary().set_index("variant_id").loc["magnitude-0.90"]
    assert row["n_pies"] > 0
    assert row[["noise_floor_share", "pie_share_half", "n_impacted_p", "top1_std"]].isna().all()
    assert results.classes()[["t", "p", "q", "ci_low"]].isna().all(axis=None)
    assert results.classes()["recall_delta"].notna().all()
    curves = results.curves()
    assert curves["ci_low"].isna().all()
    assert "noise_floor_share" not in set(curves["metric"])


# --- half-made, damaged, unknown ----------------------------------------------------------------
def test_a_half_made_sweep_shows_the_variants_that_have_runs(tmp_path):
    folder = make_sweep(tmp_path, n_images=40, seeds=3)
    manifest = folder.manifest()
    for seed in range(3):
        manifest.run("int8-static", seed).state = "planned"
    manifest.run("magnitude-0.90", 0).state = "failed"
    folder.write_manifest(manifest)
    results = load_sweep("made", cache=tmp_path)
    assert results.compressed_ids == ["magnitude-0.50", "magnitude-0.90"]
    assert results.summary().set_index("variant_id")["n_runs"].to_dict() == {
        "dense": 3, "magnitude-0.50": 3, "magnitude-0.90": 2
    }  # fmt: skip
    with pytest.raises(CacheError, match="no run of 'int8-static' yet"):
        results.images("int8-static")


def test_without_dense_runs_there_is_nothing_to_hold_against(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=1)
    manifest = folder.manifest()
    manifest.run("dense", 0).state = "planned"
    folder.write_manifest(manifest)
    results = load_sweep("made", cache=tmp_path)
    assert results.compressed_ids == []
    assert results.summary().empty
    assert len(results.runs()) == 3


@pytest.mark.parametrize("table", TABLES)
def test_an_unknown_variant_is_named_with_those_there_are(results, table):
    with pytest.raises(
        CacheError, match=r"no variant 'magnitude-0.80'; it has dense, magnitude-0.50"
    ):
        results.table(table, "magnitude-0.80")


@pytest.mark.parametrize("table", ["images", "pies", "classes"])
def test_dense_is_what_others_are_held_against(results, table):
    with pytest.raises(CacheError, match=r"'dense' is what .* choose among magnitude-0.50"):
        results.table(table, "dense")


def test_an_unknown_sweep_is_named(root):
    with pytest.raises(UserError, match=r"no sweep 'other'.*made, single"):
        load_sweep("other", cache=root)


@pytest.mark.parametrize(("damage", "said"), [("remove", "is missing"), ("garbage", "is damaged")])
def test_a_missing_or_damaged_run_is_named_only_where_it_is_needed(tmp_path, damage, said):
    folder = make_sweep(tmp_path, n_images=20, seeds=2)
    path = folder.prediction_path("int8-static", 1)
    path.unlink() if damage == "remove" else path.write_bytes(b"garbage")
    results = load_sweep("made", cache=tmp_path)
    assert len(results.images("magnitude-0.50")) == 20
    with pytest.raises(CacheError, match=rf"seed-1\.parquet {said}"):
        results.images("int8-static")


def test_missing_images_are_named(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=2)
    (folder.path / "images.parquet").unlink()
    with pytest.raises(CacheError, match=r"images\.parquet is missing"):
        load_sweep("made", cache=tmp_path).summary()


def test_predictions_brought_without_ranks_have_a_top_1_but_no_top_5(tmp_path):
    folder = make_sweep(tmp_path, n_images=40, seeds=3, variants=("magnitude=0.5",))
    for path in folder.path.rglob("seed-*.parquet"):
        table = pq.read_table(path, partitioning=None)
        for column in ("true_rank", "confidence", "true_confidence"):
            place = table.schema.get_field_index(column)
            field = table.schema.field(place)
            table = table.set_column(place, field, pa.nulls(40, field.type))
        pq.write_table(table, path)
    manifest = folder.manifest()
    for _, _, run in manifest.all_runs():
        run.sparsity = run.size_bytes = run.latency_ms = run.weight_bits = None
    folder.write_manifest(manifest)
    results = load_sweep("made", cache=tmp_path)
    runs, label = results.runs(), folder.read_images(["label"])["label"].to_numpy()
    expected = (results.population("dense").prediction == label).mean(axis=1)
    np.testing.assert_allclose(runs.loc[runs["variant_id"] == "dense", "top1"], expected)
    assert runs[["top5", "ece", "size_bytes"]].isna().all(axis=None)
    assert results.summary()["top5_mean"].isna().all()
    assert results.images()["dense_confidence"].isna().all()
    assert {"top5", "ece", "size_bytes"}.isdisjoint(results.curves()["metric"])


def test_a_class_without_test_images_is_a_row_of_nulls(tmp_path):
    folder = make_sweep(tmp_path, n_images=60, seeds=3)
    manifest = folder.manifest()
    manifest.class_names.append("unicorn")
    folder.write_manifest(manifest)
    last = load_sweep("made", cache=tmp_path).classes("magnitude-0.90").iloc[-1]
    assert last["class_name"] == "unicorn"
    assert last["n_images"] == 0
    assert last[["recall", "dense_recall", "p", "q", "t"]].isna().all()


def test_nothing_but_the_manifest_is_read_until_a_table_is_asked_for(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=1)
    for path in folder.path.rglob("*.parquet"):
        path.unlink()
    results = load_sweep("made", cache=tmp_path)
    assert results.variant_ids[0] == "dense"
    assert results.class_names[0] == "ant"
