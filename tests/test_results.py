"""The tables of the contract, computed from sweeps written through the real store."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from analysis.errors import CacheError, UserError
from analysis.results import CONTRACT_TABLES, TABLES, SweepResults, load_sweep
from analysis.stats.pie import breaking_point
from analysis.stats.votes import modal
from tests.synthetic import listed, make_sweep

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
    assert set(CONTRACT_TABLES) == set(CONTRACT)


@pytest.mark.parametrize("table", CONTRACT_TABLES)
def test_columns_begin_with_those_of_the_contract_in_their_order(results, table):
    expected = CONTRACT[table].split()
    assert list(results.table(table).columns)[: len(expected)] == expected


# What synthetic sweeps have none of: numbers as metadata, shifts, answers of people.
NEEDS_MORE = (
    "layers",
    "attribute-pairs", "attribute-deciles", "numeric-attributes", "robustness", "pairs",
    "shift-pairs", "scores", "slices", "layers", "annotations", "annotation-shares",
    "annotation-agreement",
)  # fmt: skip


@pytest.mark.parametrize("table", list(TABLES))
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


@pytest.mark.parametrize("table", CONTRACT_TABLES)
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


def test_paired_variants_have_the_paired_test_and_others_welchs(results):
    def shifted(variant_id):
        population = results.population(variant_id)
        right = population.prediction == results.label
        return right[:, results.label == 2].mean(axis=1) - right.mean(axis=1)

    dense = shifted("dense")
    for variant_id, test in (
        ("int8-static", stats.ttest_rel(shifted("int8-static"), dense)),
        ("magnitude-0.90", stats.ttest_ind(shifted("magnitude-0.90"), dense, equal_var=False)),
    ):
        row = results.classes(variant_id).iloc[2]
        assert (row["t"], row["df"], row["p"]) == pytest.approx(
            (test.statistic, test.df, test.pvalue)
        )
        interval = test.confidence_interval(0.95)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))


def test_q_of_the_sweep_is_over_all_classes_of_all_variants(results):
    whole = results.classes()
    expected = stats.false_discovery_control(whole["p_two_way"])
    np.testing.assert_allclose(whole["q_sweep"], expected)
    part = results.classes("magnitude-0.90")
    np.testing.assert_allclose(part["q_two_way"], stats.false_discovery_control(part["p_two_way"]))
    of_part = whole.loc[whole["variant_id"] == "magnitude-0.90", "q_sweep"]
    np.testing.assert_array_equal(part["q_sweep"], of_part)
    assert not np.allclose(part["q_sweep"], part["q_two_way"])


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


@pytest.mark.parametrize("table", list(TABLES))
def test_an_unknown_variant_is_named_with_those_there_are(results, table):
    with pytest.raises(
        CacheError, match=r"no variant 'magnitude-0.80'; it has dense, magnitude-0.50"
    ):
        results.table(table, "magnitude-0.80")


@pytest.mark.parametrize(
    "table", ["images", "pies", "classes", "stability", "attributes", "subgroups"]
)
def test_dense_is_what_others_are_held_against(results, table):
    with pytest.raises(CacheError, match=r"'dense' is the baseline .* choose among magnitude-0.50"):
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
    listed(folder)
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


# --- beyond the contract ------------------------------------------------------------------------
# The first row of a plan is of all images; runs that are drawn were computed in no type.
NULL_TEXTS = (("plan", "class_name"), ("runs", "compute_dtype"))


@pytest.mark.parametrize("table", list(TABLES))
def test_columns_have_one_type_whatever_is_in_them(results, root, table):
    many, single = results.table(table), load_sweep("single", cache=root).table(table)
    for column in many.columns.drop("paired", errors="ignore"):
        numeric = [pd.api.types.is_numeric_dtype(frame[column]) for frame in (many, single)]
        assert numeric[0] == numeric[1], column
        if not numeric[0]:
            known = many[column].dropna()
            assert len(known) == len(many) or (table, column) in NULL_TEXTS
            assert not known.map(lambda v: isinstance(v, float)).any(), column


def test_images_say_how_hard_each_image_is_for_the_dense_runs(results):
    images, dense = results.images("magnitude-0.90"), results.population("dense")
    counts = [np.bincount(column) for column in dense.prediction.T]
    entropy = [-sum(n / 6 * np.log(n / 6) for n in count if n) for count in counts]
    np.testing.assert_allclose(images["dense_vote_entropy"], entropy, atol=1e-12)
    folder = results.folder
    for column in ("true_confidence", "el2n"):
        runs = [
            pq.read_table(folder.prediction_path("dense", seed), partitioning=None)[column]
            for seed in range(6)
        ]
        mean = np.mean([run.to_numpy().astype(float) for run in runs], axis=0)
        np.testing.assert_allclose(images[f"dense_{column}"], mean)


def test_flips_are_known_for_paired_variants_alone(results):
    images = results.images().set_index("variant_id")
    assert images.loc["magnitude-0.90", ["flips_to_wrong", "flips_to_right"]].isna().all(axis=None)
    paired = images.loc["int8-static"]
    change = paired["flips_to_right"] - paired["flips_to_wrong"]
    np.testing.assert_allclose(change, paired["accuracy"] - paired["dense_accuracy"], atol=1e-12)


def test_kl_is_the_mean_over_the_paired_runs_that_know_it(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=3, variants=("int8-static",))
    for seed in (0, 2):
        path = folder.prediction_path("int8-static", seed)
        table = pq.read_table(path, partitioning=None)
        place = table.schema.get_field_index("kl_from_dense")
        values = pa.array(np.full(20, seed + 1.0, np.float32))
        pq.write_table(table.set_column(place, "kl_from_dense", values), path)
    listed(folder)
    results = load_sweep("made", cache=tmp_path)
    assert (results.images()["kl_from_dense"] == 2).all()
    assert results.summary()["kl_from_dense"].tolist()[1] == 2


def test_the_breaking_point_looks_at_every_level_of_the_method(results):
    levels = {v: results.images(v) for v in ("magnitude-0.50", "magnitude-0.90")}
    flags = np.stack([frame["is_pie"] for frame in levels.values()])
    expected = breaking_point([0.5, 0.9], flags)
    for frame in levels.values():
        np.testing.assert_array_equal(frame["breaking_point"], expected)
    assert results.images("int8-static")["breaking_point"].isna().all()


def test_only_the_columns_asked_for_are_computed(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=2, variants=("magnitude=0.5,0.9",))
    folder.prediction_path("magnitude-0.90", 0).unlink()
    results = load_sweep("made", cache=tmp_path)
    asked = results.images("magnitude-0.50", columns=["is_pie", "dense_el2n"])
    assert list(asked.columns) == ["variant_id", "image_id", "is_pie", "dense_el2n"]
    with pytest.raises(CacheError, match="is missing"):
        results.images("magnitude-0.50")


def test_stability_is_a_table_of_its_own(results):
    table = results.stability("magnitude-0.90", n_resamples=50)
    assert table["stability"].between(0, 1).all()
    pies = results.images("magnitude-0.90")["is_pie"]
    assert table.loc[pies, "stability"].mean() > table.loc[~pies, "stability"].mean() + 0.3
    assert "stability" not in results.images().columns


def test_stability_of_single_runs_is_null(root):
    table = load_sweep("single", cache=root).stability("magnitude-0.90")
    assert table["stability"].isna().all()
    assert table["is_pie"].any()


def test_the_test_over_seeds_uses_pairs_where_there_are_some(results):
    table = results.seed_test().set_index("variant_id")
    assert table.index.tolist() == COMPRESSED
    assert table["p"].between(1 / 200, 1).all()
    pie_share = results.summary().set_index("variant_id")["pie_share"]
    np.testing.assert_allclose(table["pie_share"], pie_share[COMPRESSED])
    assert table.loc["magnitude-0.90", "p"] < 0.05


def test_single_runs_have_no_test_over_seeds(root):
    assert load_sweep("single", cache=root).seed_test()[["pie_share", "p"]].isna().all(axis=None)


def test_overlap_has_a_row_a_pair_and_keeps_a_variants_rows(results):
    assert len(results.overlap()) == len(COMPRESSED) ** 2
    part = results.table("overlap", "int8-static")
    assert part["other_variant_id"].tolist() == COMPRESSED
    assert part.set_index("other_variant_id").loc["int8-static", "jaccard"] == 1


def test_planted_difficulty_is_over_represented_among_pies(results):
    table = results.attributes("magnitude-0.90").set_index("value")
    assert table.loc["blur", "over_representation"] > 2
    assert table.loc["blur", "ci_low"] > 1
    assert table["n_images"].sum() == 200


def test_attributes_rest_on_the_same_halves_as_the_noise_floor(results):
    row = results.attributes("magnitude-0.90").set_index("value").loc["blur"]
    dense = results.population("dense")
    planted = results.metadata()["meta_planted"].to_numpy() == "blur"
    from analysis.stats.seed_noise import make_splits

    inside = total = 0
    for split in make_splits(6):
        one, other = (
            modal(dense.prediction[half], dense["confidence"][half]).label
            for half in (split.a, split.b)
        )
        inside += (one != other)[planted].sum()
        total += (one != other).sum()
    assert row["aa_over_representation"] == pytest.approx(inside / total / planted.mean())


def joined(results):
    generator = np.random.default_rng(0)
    n = len(results.label)
    return results.join(
        pd.DataFrame(
            {
                "image_id": np.arange(n),
                "rating": generator.integers(1, 6, n),
                "size": generator.normal(size=n),
                "whole": np.arange(n),
                "flag": generator.random(n) < 0.5,
                "note": [f"image {i}" for i in range(n)],
                "nothing": pd.array([None] * n, "string"),
                "when": pd.Timestamp("2020-01-01"),
                "gap": np.where(np.arange(n) % 2, np.inf, 1.5),
            }
        )
    )


def test_what_an_attribute_can_be_compared_by_is_told_from_its_values(results):
    kinds = joined(results).attribute_kinds().set_index("attribute")
    assert kinds.loc["rating", ["categorical", "numeric"]].tolist() == [True, True]
    assert kinds.loc["size", ["categorical", "numeric"]].tolist() == [False, True]
    assert kinds.loc["whole", ["categorical", "numeric"]].tolist() == [False, True]
    assert kinds.loc["flag", ["categorical", "numeric"]].tolist() == [True, False]
    for name, why in (("note", "200 values"), ("nothing", "no value"), ("when", "timestamp")):
        assert not kinds.loc[name, ["categorical", "numeric"]].any()
        assert why in kinds.loc[name, "reason"]
    numeric = joined(results).numeric_attributes("magnitude-0.90").set_index("attribute")
    assert numeric.index.tolist() == ["rating", "size", "whole", "gap"]
    assert numeric.loc["gap", "n_missing"] == 100


def test_subgroups_of_one_attribute_and_of_two(results):
    opened = joined(results)
    one = opened.subgroups("magnitude-0.90", by="flag", positive="bee")
    assert one["value"].tolist() == ["False", "True"]
    two = opened.subgroups("magnitude-0.90", by=["meta_flag", "planted"], positive=1)
    assert two["attribute"].unique().tolist() == ["flag & planted"]
    assert set(two["value"]) == {
        "False & blur", "False & none", "True & blur", "True & none"
    }  # fmt: skip
    assert two["n_images"].sum() == 200
    cell = two.set_index("value").loc["True & blur"]
    meta = opened.metadata()
    inside = (meta["meta_flag"] & (meta["meta_planted"] == "blur")).to_numpy(bool)
    wrong = opened.population("magnitude-0.90").prediction[:, inside] == 1
    negative = results.label[inside] != 1
    assert cell["n_images"] == inside.sum()
    assert cell["fpr"] == pytest.approx(wrong[:, negative].mean())
    every = opened.subgroups("magnitude-0.90")
    assert set(every["attribute"]) == {"planted", "rating", "flag"}
    assert set(every["class_name"]) == set(results.class_names)


def test_of_two_classes_the_second_is_the_positive_one(tmp_path):
    make_sweep(tmp_path, class_names=("dark", "blond"), seeds=2, n_images=40)
    table = load_sweep("made", cache=tmp_path).subgroups("int8-static", by="planted")
    assert set(table["class_name"]) == {"blond"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.attributes(attribute="age"), r"no attribute 'age'; it has planted, rating"),
        (lambda r: r.subgroups(by="size"), "'size' makes no subgroups: it is numeric"),
        (lambda r: r.subgroups(by=["flag", "note"]), "'note' makes no subgroups: it has 200"),
        (lambda r: r.subgroups(by="flag", positive="fox"), "no class 'fox'.*ant, bee"),
        (lambda r: r.subgroups(by="flag", positive=5), "no class '5'"),
    ],
)
def test_what_cannot_be_compared_is_said(results, call, message):
    with pytest.raises(UserError, match=message):
        call(joined(results))


def test_a_sweep_without_metadata_says_how_to_get_some(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=2)
    folder.write_images(folder.read_images().drop_columns(["meta_planted"]))
    listed(folder)
    results = load_sweep("made", cache=tmp_path)
    assert results.attributes().empty
    with pytest.raises(UserError, match="none; 'python -m analysis join' adds columns"):
        results.attributes(attribute="planted")


def test_a_pair_of_single_models_has_flips_and_mcnemar(root):
    results = load_sweep("single", cache=root)
    classes, images = results.classes("magnitude-0.90"), results.images("magnitude-0.90")
    assert classes["mcnemar_p"].between(0, 1).all()
    assert (classes["mcnemar_q"] >= classes["mcnemar_p"]).all()
    assert set(images["flips_to_wrong"]) == {0.0, 1.0}
    row = results.summary().set_index("variant_id").loc["magnitude-0.90"]
    assert row["flips_to_wrong"] == pytest.approx(images["flips_to_wrong"].mean())


def test_two_runs_and_unequal_numbers_of_runs_have_every_table(tmp_path):
    folder = make_sweep(tmp_path, n_images=40, seeds=5)
    manifest = folder.manifest()
    missing = {"magnitude-0.50": (0, 1, 2), "dense": (4,), "int8-static": (1,)}
    for variant_id, seeds in missing.items():
        for seed in seeds:
            manifest.run(variant_id, seed).state = "planned"
    folder.write_manifest(manifest)
    results = load_sweep("made", cache=tmp_path)
    for table in TABLES:
        assert len(results.table(table)) or table in NEEDS_MORE
    summary = results.summary().set_index("variant_id")
    assert summary["n_runs"].to_dict()["magnitude-0.50"] == 2
    assert np.isfinite(summary.loc["magnitude-0.50", "pie_excess"])
    assert np.isnan(summary.loc["int8-static", "pie_share_half"])
    assert np.isnan(summary.loc["int8-static", "intensification"])
    assert results.stability("int8-static")["stability"].notna().all()


def test_order_of_runs_changes_no_table(tmp_path):
    one, other = (make_sweep(tmp_path / name, n_images=60, seeds=4) for name in "ab")
    # All variants: the quantized runs belong to the dense runs of their seeds.
    for variant_id in ("magnitude-0.90", "dense", "magnitude-0.50", "int8-static"):
        paths = [other.prediction_path(variant_id, seed) for seed in range(4)]
        contents = [path.read_bytes() for path in paths]
        for path, content in zip(paths, contents[::-1], strict=True):
            path.write_bytes(content)
    listed(other)
    first, second = (load_sweep("made", cache=folder.path.parent) for folder in (one, other))
    pd.testing.assert_frame_equal(first.images("magnitude-0.90"), second.images("magnitude-0.90"))
    pd.testing.assert_frame_equal(first.classes(), second.classes())


def rewritten(folder, variant_id, prediction):
    """Give the runs of a variant predictions [K, N] of one's own, all with one confidence."""
    label = folder.read_images(["label"])["label"].to_numpy()
    for seed, row in enumerate(prediction):
        path = folder.prediction_path(variant_id, seed)
        table = pq.read_table(path, partitioning=None)
        columns = {
            "prediction": row,
            "confidence": np.full(len(row), 0.5),
            "true_rank": np.where(row == label, 0, 1),
        }
        for name, values in columns.items():
            field = table.schema.field(name)
            values = pa.array(values.astype(field.type.to_pandas_dtype()))
            table = table.set_column(table.schema.get_field_index(name), field, values)
        pq.write_table(table, path)
    listed(folder)


def drawn_sweep(root, dense, variant):
    """A sweep of one variant with the predictions given, made by functions of the labels."""
    folder = make_sweep(root, n_images=40, seeds=2, variants=("magnitude=0.5",))
    label = folder.read_images(["label"])["label"].to_numpy()
    rewritten(folder, "dense", dense(label))
    rewritten(folder, "magnitude-0.50", variant(label))
    return load_sweep("made", cache=root)


def right(label):
    return np.stack([label, label])


def tied(label):
    return np.stack([label, (label + 1) % 5])


def constant(label):
    return np.zeros((2, len(label)), int)


@pytest.mark.parametrize("ties", ["confidence", "reference", "exclude"])
@pytest.mark.parametrize(
    ("dense", "variant"),
    [(right, right), (tied, tied), (tied, right), (constant, constant), (right, constant)],
)
def test_degenerate_populations_have_every_table_without_an_infinite_number(
    tmp_path, dense, variant, ties
):
    results = drawn_sweep(tmp_path, dense, variant)
    results = load_sweep("made", cache=tmp_path, ties=ties)
    for name in TABLES:
        numbers = results.table(name).select_dtypes("number").to_numpy(float)
        assert not np.isinf(numbers).any(), name


def test_without_any_pie_what_rests_on_pies_is_null_and_the_rest_is_there(tmp_path):
    results = drawn_sweep(tmp_path, right, right)
    row = results.summary().iloc[1]
    assert (row["n_pies"], row["pie_share"], row["pie_excess"], row["noise_floor_share"]) == (
        0, 0, 0, 0
    )  # fmt: skip
    unknown = [
        "top1_on_pies", "dense_top1_on_aa_pies", "top1_on_random", "dense_entropy_on_half_pies",
        "intensification", "cev", "sde",
    ]  # fmt: skip
    assert row[unknown].isna().all()
    assert row["n_classes_left_out"] == 5
    assert (results.classes()["p"] == 1).all()
    assert results.pies().empty
    assert results.overlap()["jaccard"].isna().all()
    assert results.attributes()["over_representation"].isna().all()
    assert (results.stability()["stability"] == 0).all()


def test_where_every_image_is_tied_the_rule_decides_and_ties_are_counted(tmp_path):
    drawn_sweep(tmp_path, tied, right)
    shares = {
        ties: load_sweep("made", cache=tmp_path, ties=ties).summary().iloc[1]
        for ties in ("confidence", "reference", "exclude")
    }
    assert all(row["n_tied"] == 40 for row in shares.values())
    assert shares["exclude"]["n_pies"] == 0
    wraps = shares["confidence"]["n_pies"]
    assert shares["reference"]["n_pies"] == 40 - wraps


def test_a_population_that_always_says_the_same_is_tested_without_noise(tmp_path):
    results = drawn_sweep(tmp_path, right, constant)
    classes = results.classes()
    assert (classes["p"] == 0).all()
    assert classes["degenerate"].all()
    assert classes["t"].isna().all()
    assert (classes["excess_gap"] == -classes["normalized_recall_delta"]).all()


# --- how it looks -------------------------------------------------------------------------------
def test_a_sweep_says_what_it_is_without_reading_a_table(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=2)
    for path in folder.path.rglob("*.parquet"):
        path.unlink()
    results = load_sweep("made", cache=tmp_path)
    assert repr(results) == (
        "<SweepResults 'made': synthetic, none, 5 classes; 4 variants x 2 seeds, "
        "8 of 8 runs done, ties=confidence>"
    )
    html = results._repr_html_()
    assert "magnitude-0.90" in html
    assert "2 of 2" in html


def test_the_notebook_table_escapes_every_text(tmp_path):
    folder = make_sweep(tmp_path, n_images=20, seeds=1)
    manifest = folder.manifest()
    manifest.dataset.spec = "folder:<script>alert(1)</script>"
    manifest.model.name = 'a"b<i>'
    manifest.variants[1].variant_id = "<b>bold<i>"
    folder.write_manifest(manifest)
    html = load_sweep("made", cache=tmp_path)._repr_html_()
    for text in ("<script>", "<i>", "<b>"):
        assert text not in html
    assert "&lt;script&gt;" in html


def test_breaking_points_are_of_methods_with_several_levels_alone(tmp_path):
    folder = make_sweep(tmp_path, variants=("magnitude=0.5,0.9", "random=0.9", "int8-static"))
    found = SweepResults(folder).breaking_points()
    assert found["method"].unique().tolist() == ["magnitude"]
    assert found["image_id"].tolist() == list(range(200))
    images = SweepResults(folder).images("magnitude-0.90")
    pd.testing.assert_series_equal(found["breaking_point"], images["breaking_point"])


def test_without_levels_there_are_no_breaking_points(tmp_path):
    assert SweepResults(make_sweep(tmp_path, variants=("int8-static",))).breaking_points().empty


def test_the_curve_of_a_class_is_its_recall_in_every_run(tmp_path):
    results = SweepResults(make_sweep(tmp_path))
    rows = results.class_curve("cat").set_index(["method", "target_sparsity"])
    assert set(rows["metric"]) == {"recall"}
    of_class = results.label == results.class_names.index("cat")
    right = results.population("magnitude-0.90").prediction == results.label
    recall = right[:, of_class].mean(axis=1)
    row = rows.loc[("magnitude", 0.9)]
    assert row["mean"] == pytest.approx(recall.mean())
    assert row["std"] == pytest.approx(recall.std(ddof=1))
    classes = results.classes("magnitude-0.90").set_index("class_name")
    assert row["mean"] == pytest.approx(classes.loc["cat", "recall"])
    assert row["ci_low"] < row["mean"] < row["ci_high"]
    assert ("dense", 0.0) in rows.index


def test_the_curve_of_a_value_is_the_accuracy_on_its_images(tmp_path):
    results = SweepResults(make_sweep(tmp_path))
    rows = results.value_curve("planted", "blur").set_index(["method", "target_sparsity"])
    chosen = results.metadata()["meta_planted"] == "blur"
    right = results.population("magnitude-0.50").prediction == results.label
    accuracy = right[:, chosen.to_numpy()].mean()
    assert rows.loc[("magnitude", 0.5), "mean"] == pytest.approx(accuracy)


def test_a_curve_of_what_is_not_there_is_refused(tmp_path):
    results = SweepResults(make_sweep(tmp_path))
    with pytest.raises(UserError, match="no class 'zebra'"):
        results.class_curve("zebra")
    with pytest.raises(UserError, match="no value 'zebra'"):
        results.value_curve("planted", "zebra")
    with pytest.raises(UserError, match="no attribute 'zebra'"):
        results.value_curve("zebra", "blur")
