"""Verdicts: the numbers are those of the tables, and each judge asks what it says."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analysis.budgets import Verdict, check, read_budget
from analysis.cli.main import main
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.stats.multiple import holm
from analysis.store import SweepFolder
from tests.synthetic import listed, make_sweep, write_run

PRUNED = "magnitude-0.90"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return make_sweep(tmp_path_factory.mktemp("cache"), n_images=400, seeds=6, random_seed=8)


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """A sweep with classes that lose by the test over runs and images, and some that do not."""
    return skewed(make_sweep(tmp_path_factory.mktemp("skewed"), n_images=400, seeds=6))


@pytest.fixture(scope="module")
def single_telling(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return skewed(make_sweep(tmp_path_factory.mktemp("one-skewed"), n_images=400, seeds=1))


def skewed(folder: SweepFolder) -> SweepFolder:
    """Make the pruned runs err more on two classes, on one of them by little."""
    manifest = folder.manifest()
    generator = np.random.default_rng(3)
    label = folder.read_images(["label"])["label"].to_numpy()
    share = np.array([0.45, 0.16, 0.02, 0.02, 0.02])[label]
    for seed in manifest.seeds:
        write_run(folder, manifest, PRUNED, seed, label, share, generator)
    folder.write_manifest(manifest)
    return folder


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return make_sweep(tmp_path_factory.mktemp("one"), n_images=100, seeds=1)


def verdicts(
    folder: SweepFolder, tmp_path: Path, rules: str, variant: str = PRUNED
) -> list[Verdict]:
    path = tmp_path / "budget.toml"
    path.write_text(f"[default]\n{rules}\n", encoding="utf-8")
    return check(SweepResults(folder), read_budget(path), [variant])


def run(folder: SweepFolder, tmp_path: Path, text: str, *arguments: str) -> int:
    (tmp_path / "budget.toml").write_text(text, encoding="utf-8")
    return main(
        ["check", "made", "--budget", str(tmp_path / "budget.toml"), "--cache",
         str(folder.path.parent), *arguments]
    )  # fmt: skip


# --- numbers ------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", [PRUNED, "int8-static"])
def test_the_drop_of_top1_is_scipys_with_its_interval(
    made: SweepFolder, tmp_path: Path, variant: str
) -> None:
    runs = SweepResults(made).runs().set_index("variant_id")["top1"]
    one = verdicts(made, tmp_path, "top1_drop = 0", variant)[0]
    dense, other = runs["dense"].to_numpy(), runs[variant].to_numpy()
    found = (
        stats.ttest_rel(dense, other)
        if variant == "int8-static"
        else stats.ttest_ind(dense, other, equal_var=False)
    ).confidence_interval(0.95)
    assert one.measured == pytest.approx((dense - other).mean())
    assert (one.low, one.high) == pytest.approx((found.low, found.high))


def test_a_rise_of_the_calibration_error_has_the_other_sign(
    made: SweepFolder, tmp_path: Path
) -> None:
    runs = SweepResults(made).runs().groupby("variant_id")["ece"].mean()
    one = verdicts(made, tmp_path, "ece_increase = 1")[0]
    assert one.measured == pytest.approx(runs[PRUNED] - runs["dense"])


def test_the_largest_drop_of_a_class_is_minus_the_smallest_normalized_delta(
    made: SweepFolder, tmp_path: Path
) -> None:
    worst = SweepResults(made).classes(PRUNED).sort_values("normalized_recall_delta").iloc[0]
    one = verdicts(made, tmp_path, "recall_drop = {max = -1, judge = 'point'}")[0]
    assert (one.verdict, one.where) == ("breach", worst["class_name"])
    assert one.measured == -worst["normalized_recall_delta"]
    assert (one.low, one.high) == (-worst["ci_high_two_way"], -worst["ci_low_two_way"])
    assert "and 1 more" in one.note


def test_summary_numbers_are_the_summarys(made: SweepFolder, tmp_path: Path) -> None:
    summary = SweepResults(made).summary().set_index("variant_id").loc[PRUNED]
    rules = "pie_excess = 0\npie_share = 0\nsize_bytes = 1"
    found = {one.limit.rule: one for one in verdicts(made, tmp_path, rules)}
    for rule, one in found.items():
        assert one.measured == summary[rule]
    excess = found["pie_excess"]
    assert (excess.low, excess.high) == (summary["pie_excess_low"], summary["pie_excess_high"])


@pytest.mark.parametrize(("rate", "change"), [("fnr", "absolute"), ("fpr", "relative")])
def test_the_subgroup_gap_is_the_largest_rise_of_the_table(
    made: SweepFolder, tmp_path: Path, rate: str, change: str
) -> None:
    table = SweepResults(made).subgroups(PRUNED, by="planted")
    counted = table["n_positive" if rate == "fnr" else "n_negative"]
    kept = table[counted >= 5]
    rise = kept[f"{rate}_change"]
    if change == "absolute":
        rise = kept[rate] - kept[f"dense_{rate}"]
    rule = f"subgroup_gap = {{attribute='planted', rate='{rate}', change='{change}', max=-1"
    one = verdicts(made, tmp_path, rule + ", min_images=5}")[0]
    assert one.measured == rise.max()
    row = kept.loc[rise.idxmax()]
    assert one.where == f"{rate.upper()} of {row['class_name']}, planted = {row['value']}"


# --- judges -------------------------------------------------------------------------------------
def test_each_judge_of_an_interval_asks_for_its_own_end(made: SweepFolder, tmp_path: Path) -> None:
    one = verdicts(made, tmp_path, "top1_drop = 1")[0]
    for judge, bound in (
        ("significant", one.low), ("point", one.measured), ("assured", one.high)
    ):  # fmt: skip
        for step, verdict in ((1e-6, "pass"), (-1e-6, "breach")):
            rule = f"top1_drop = {{max = {bound + step}, judge = '{judge}'}}"
            assert verdicts(made, tmp_path, rule)[0].verdict == verdict


@pytest.mark.parametrize("judge", ["p", "q"])
def test_a_class_counts_only_where_it_is_significant(
    telling: SweepFolder, tmp_path: Path, judge: str
) -> None:
    classes = SweepResults(telling).classes(PRUNED)
    column = {"p": "p_two_way", "q": "q_sweep"}[judge]
    for row in classes.to_dict("records"):
        limit = row["excess_gap"] - 1e-6
        rule = f"classes.{row['class_name']} = {{max = {limit}, judge = '{judge}'}}"
        expected = "breach" if row[column] <= 0.05 else "pass"
        assert verdicts(telling, tmp_path, rule)[0].verdict == expected
    assert classes[column].le(0.05).nunique() == 2


@pytest.mark.parametrize("judge", ["p", "q", "significant"])
def test_the_largest_of_many_classes_is_corrected_over_all_tests_of_the_sweep(
    telling: SweepFolder, tmp_path: Path, judge: str
) -> None:
    whole = SweepResults(telling).classes()
    p = whole["p_two_way"].to_numpy()
    q = stats.false_discovery_control(p)
    smallest = np.sort(p) * np.arange(len(p), 0, -1)
    holm = np.minimum(np.maximum.accumulate(smallest), 1)[np.argsort(np.argsort(p))]
    margin = stats.t.ppf(1 - 0.025 / len(p), whole["df_two_way"]) * whole["se_two_way"]
    is_of = (whole["variant_id"] == PRUNED).to_numpy()
    loss = -whole["normalized_recall_delta"].to_numpy()
    over = {"p": holm <= 0.05, "q": q <= 0.05, "significant": loss - margin > -1}[judge] & is_of
    limit = "-1"
    if judge == "significant":
        # The Bonferroni bound of the most excessive class, not the end of its own interval.
        bound = (loss - margin)[is_of].max()
        own = -whole.loc[is_of, "ci_high_two_way"].min()
        assert bound < own - 0.01
        for step, verdict in ((1e-6, "pass"), (-1e-6, "breach")):
            rule = f"recall_drop = {{max = {bound + step}, judge = 'significant'}}"
            assert verdicts(telling, tmp_path, rule)[0].verdict == verdict
    one = verdicts(telling, tmp_path, f"recall_drop = {{max = {limit}, judge = '{judge}'}}")[0]
    assert (one.verdict == "breach") == over.any()
    named = [name for name in whole.loc[over, "class_name"] if name in f"{one.where} {one.note}"]
    assert len(named) == min(over.sum(), 4)


@pytest.mark.parametrize(
    ("p", "of_all"), [(0.05 / 15 - 1e-6, "breach"), (0.05 / 15 + 1e-6, "pass"), (0.04, "pass")]
)
def test_a_class_significant_by_itself_need_not_be_the_largest_of_all(
    telling: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, p: float, of_all: str
) -> None:
    whole = SweepResults(telling).classes()
    assert len(whole) == 15
    whole["p_two_way"] = 0.9
    chosen = (whole["variant_id"] == PRUNED) & (whole["class_name"] == "ant")
    whole.loc[chosen, "p_two_way"] = p
    monkeypatch.setattr(SweepResults, "classes", lambda *_: whole)
    assert verdicts(telling, tmp_path, "classes.ant = -1")[0].verdict == "breach"
    largest = verdicts(telling, tmp_path, "recall_drop = {max = -1, judge = 'p'}")[0]
    assert largest.verdict == of_all


def test_the_excess_over_seeds_asks_the_permutation_test(made: SweepFolder, tmp_path: Path) -> None:
    results = SweepResults(made)
    tests = results.seed_test().set_index("variant_id")["p_holm"]
    assert tests.le(0.05).nunique() == 2
    for variant, p in tests.items():
        one = verdicts(made, tmp_path, "pie_excess = {max = -1, judge = 'seeds'}", str(variant))[0]
        assert one.verdict == ("breach" if p <= 0.05 else "pass")
        assert (one.note == "not significant") == (p > 0.05)


def test_a_value_at_its_limit_is_within(made: SweepFolder, tmp_path: Path) -> None:
    share = verdicts(made, tmp_path, "pie_share = 1")[0].measured
    assert verdicts(made, tmp_path, f"pie_share = {share}")[0].verdict == "pass"


# --- what cannot be tested ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("top5_drop = {max = 1, judge = 'significant'}", "no interval: that needs at least two"),
        ("ece_increase = {max = 1, judge = 'assured'}", "no interval: that needs at least two"),
        ("robustness_drop = 1", "no run of this variant and of dense is predicted on a shift"),
        ("pie_excess = 1", "the value is unknown"),
        ("pie_excess = {max = 1, judge = 'seeds'}", "the value is unknown"),
    ],
)
def test_one_run_is_untested_and_says_why(
    single: SweepFolder, tmp_path: Path, rule: str, why: str
) -> None:
    one = verdicts(single, tmp_path, rule)[0]
    assert one.verdict == "untested"
    assert why in one.note


def test_one_run_is_judged_by_its_estimate(single: SweepFolder, tmp_path: Path) -> None:
    rules = "top1_drop = 1\nrecall_drop = {max = 1, judge = 'point'}\npie_share = 1"
    assert {one.verdict for one in verdicts(single, tmp_path, rules)} == {"pass"}


@pytest.mark.parametrize(("allowed", "status"), [("false", 1), ("true", 0)])
def test_what_is_untested_breaches_unless_it_is_allowed(
    single: SweepFolder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    allowed: str,
    status: int,
) -> None:
    text = f"allow_untested = {allowed}\n[default]\nece_increase = {{max = 0.5, judge = 'assured'}}"
    assert run(single, tmp_path, text) == status
    told = capsys.readouterr().out
    assert ("allowed" if status == 0 else "each counts as a breach") in told


@pytest.mark.parametrize("seeds", [1, 4])
def test_an_exact_copy_has_lost_in_no_class(tmp_path: Path, seeds: int) -> None:
    folder = make_sweep(tmp_path, seeds=seeds, variants=("int8-static",))
    for seed in range(seeds):
        copied = folder.prediction_path("dense", seed).read_bytes()
        folder.prediction_path("int8-static", seed).write_bytes(copied)
    listed(folder)
    assert SweepResults(folder).classes()["p_two_way"].isna().all()
    for judge in ("q", "p", "significant", "point"):
        for limit, verdict in ((0.0, "pass"), (0.02, "pass"), (-0.01, "breach")):
            for rule in ("recall_drop", "classes.ant"):
                text = f"{rule} = {{max = {limit}, judge = '{judge}'}}"
                one = verdicts(folder, tmp_path, text, "int8-static")[0]
                expected = "pass" if judge in ("q", "p") else verdict
                assert one.verdict == expected, text
    sure = verdicts(folder, tmp_path, "recall_drop = {max = 1, judge = 'assured'}", "int8-static")[
        0
    ]
    assert sure.verdict == "untested"
    assert "and some that differ" in sure.note


def test_a_variant_without_a_run_is_untested(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, n_images=50, seeds=2)
    manifest = folder.manifest()
    manifest.runs[PRUNED] = {}
    folder.write_manifest(manifest)
    one = verdicts(folder, tmp_path, "pie_share = 1")[0]
    assert (one.verdict, one.note) == ("untested", "no run of this variant is done")


# --- single models, and shifts --------------------------------------------------------------------
def test_single_models_are_judged_over_images(single_telling: SweepFolder, tmp_path: Path) -> None:
    results = SweepResults(single_telling)
    pair = results.pairs(PRUNED).iloc[0]
    one = verdicts(single_telling, tmp_path, "top1_drop = {max = 0, judge = 'significant'}")[0]
    assert (one.measured, one.low, one.high) == (
        -pair["top1_delta"], -pair["ci_high"], -pair["ci_low"],
    )  # fmt: skip
    assert one.verdict == ("breach" if pair["ci_high"] < 0 else "pass")


@pytest.mark.parametrize("judge", ["p", "q", "significant"])
def test_classes_of_single_models_are_judged_by_d_over_images_not_by_mcnemar(
    single_telling: SweepFolder, tmp_path: Path, judge: str
) -> None:
    """D is checked against its own interval: McNemar's test is of the change of recall."""
    classes = SweepResults(single_telling).classes(PRUNED).set_index("class_name")
    rules = "\n".join(f"classes.{name} = {{max = 0, judge = '{judge}'}}" for name in classes.index)
    found = {one.where: one for one in verdicts(single_telling, tmp_path, rules)}
    n_over = 0
    for name, row in classes.iterrows():
        one, loss = found[name], -row["normalized_recall_delta"]
        assert one.measured == loss
        assert (one.low, one.high) == (-row["ci_high_two_way"], -row["ci_low_two_way"])
        is_over = {
            "p": row["p_two_way"] <= 0.05 and loss > 0,
            "q": row["q_sweep"] <= 0.05 and loss > 0,
            "significant": row["ci_high_two_way"] < 0,
        }[judge]
        assert one.verdict == ("breach" if is_over else "pass")
        n_over += is_over
    assert 0 < n_over < len(classes)


@pytest.mark.parametrize("seeds", [1, 5])
def test_what_is_lost_under_shifts_is_that_of_the_table(tmp_path: Path, seeds: int) -> None:
    folder = make_sweep(tmp_path, n_images=300, seeds=seeds, shifts=("fog-3", "snow-5"))
    table = SweepResults(folder).robustness(PRUNED)
    table = table[table["metric"] == "top1"].set_index("shift")
    one = verdicts(folder, tmp_path, "robustness_drop = {max = -1, judge = 'point'}")[0]
    worst = table["difference"].astype(float).idxmin()
    assert (one.verdict, one.where) == ("breach", worst)
    assert one.measured == -table.loc[worst, "difference"]
    at_q = verdicts(folder, tmp_path, "robustness_drop = -1")[0]
    if seeds == 1:
        assert (at_q.verdict, at_q.note[:7]) == ("untested", "no test")
    else:
        assert (at_q.verdict == "breach") == bool((table["q"] <= 0.05).any())
        assert (one.low, one.high) == (-table.loc[worst, "ci_high"], -table.loc[worst, "ci_low"])


@pytest.mark.parametrize("judge", ["significant", "p"])
def test_the_worst_of_many_shifts_is_judged_as_the_worst_of_many(
    tmp_path: Path, judge: str
) -> None:
    shifts = (*(f"fog-{n}" for n in range(1, 6)), "snow-1", "snow-5")
    folder = make_sweep(tmp_path, n_images=300, seeds=5, shifts=shifts)
    table = SweepResults(folder).robustness()
    table = table[table["metric"] == "top1"]
    n_tests = len(table)
    one = verdicts(folder, tmp_path, f"robustness_drop = {{max = -1, judge = '{judge}'}}")[0]
    rows = table[table["variant_id"] == PRUNED]
    if judge == "p":
        held = holm(table["p"].to_numpy())[(table["variant_id"] == PRUNED).to_numpy()] <= 0.05
        assert (one.verdict == "breach") == bool(held.any())
        return
    # Bonferroni: the interval of each at 95 % / tests, from its standard error.
    error = (rows["ci_high"] - rows["ci_low"]) / 2 / stats.t.ppf(0.975, rows["df"])
    floor = -rows["difference"] - error * stats.t.ppf(1 - 0.025 / n_tests, rows["df"])
    for limit, verdict in ((floor.max() - 1e-6, "breach"), (floor.max() + 1e-6, "pass")):
        rule = f"robustness_drop = {{max = {limit}, judge = 'significant'}}"
        assert verdicts(folder, tmp_path, rule)[0].verdict == verdict


# --- the command --------------------------------------------------------------------------------
def test_breaches_come_first_and_the_exit_status_tells(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[default]\npie_share = 1\ntop1_drop = 1\n[variant.'magnitude-0.90']\npie_share = 0"
    assert run(made, tmp_path, text) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["BREACH", PRUNED, "pie_share"]
    assert [line.split()[0] for line in lines[2:7]] == ["pass"] * 5
    assert lines[-1] == "made is over its budget: 1 breach of 6 limits"
    assert run(made, tmp_path, text, "--variant", "int8-static") == 0
    assert "within its budget: 0 breaches of 2" in capsys.readouterr().out


def test_json_holds_the_full_numbers_and_no_nan(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[default]\npie_share = 0.0\ntop1_drop = 1"
    assert run(made, tmp_path, text, "--variant", PRUNED, "--format", "json") == 1
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    summary = SweepResults(made).summary().set_index("variant_id")
    assert told["is_held"] is False
    first, second = told["verdicts"]
    assert first["measured"] == summary.loc[PRUNED, "pie_share"]
    assert (first["verdict"], first["ci_low"], first["budget"]) == ("breach", None, 0.0)
    assert not math.isnan(second["ci_low"])


def test_the_tie_rule_is_used(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = set()
    for ties in ("confidence", "reference", "exclude"):
        run(made, tmp_path, "[default]\npie_share = 0", "--format", "json", "--ties", ties)
        told.add(capsys.readouterr().out)
    assert len(told) == 3


HOSTILE = ("<script>alert(1)</script>", "a|b", "`code` **bold**", "\x1b[31mred\nline", "@everyone")


@pytest.mark.parametrize("format", ["text", "markdown", "json"])
def test_names_of_the_data_are_written_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str
) -> None:
    folder = make_sweep(tmp_path, n_images=200, seeds=2, class_names=HOSTILE)
    rules = "\n".join(f"{json.dumps(name)} = {{max = -1, judge = 'point'}}" for name in HOSTILE)
    text = f"[default.classes]\n{rules}"
    assert run(folder, tmp_path, text, "--variant", PRUNED, "--format", format) == 1
    told = capsys.readouterr().out
    assert "\x1b" not in told
    if format == "markdown":
        rows = told.splitlines()[4:]
        assert len(rows) == len(HOSTILE)
        unescaped = [row.replace("\\|", "") for row in rows]
        assert {row.count("|") for row in unescaped} == {9}
        assert "<script>" not in told.replace("\\<", "")
        assert "\\@everyone" in told
    if format == "text":
        assert len(told.splitlines()) == len(HOSTILE) + 3
    if format == "json":
        assert {row["where"] for row in json.loads(told)["verdicts"]} == set(HOSTILE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[default]\nclasses.fox = 0.1", "unknown class 'fox'; expected one of ant, bee"),
        ("[default]\nsubgroup_gap = {attribute='age', max=0.1}", "no attribute 'age'"),
        ("[variant.int4]\ntop1_drop = 0.1", "no variant 'int4'"),
        ("[variant.dense]\ntop1_drop = 0.1", "'dense' is the baseline of the budget"),
        ("[variant.'magnitude-0.90']\ntop1_drop = 0.1", "no rule for any variant"),
    ],
)
def test_what_the_sweep_does_not_have_is_refused(
    made: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    assert run(made, tmp_path, text, "--variant", "int8-static") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1


def test_without_dense_runs_nothing_is_checked(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, n_images=50, seeds=2)
    manifest = folder.manifest()
    manifest.runs["dense"] = {}
    folder.write_manifest(manifest)
    with pytest.raises(UserError, match="no dense run done"):
        verdicts(folder, tmp_path, "pie_share = 1")


def test_classes_without_images_are_passed_over(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, n_images=100, seeds=3, class_names=("a", "b"))
    manifest = folder.manifest()
    manifest.class_names.append("nothing")
    folder.write_manifest(manifest)
    one = verdicts(folder, tmp_path, "recall_drop = {max = 1, judge = 'point'}")[0]
    assert one.verdict == "pass"
    assert np.isfinite(one.measured)
    named = verdicts(folder, tmp_path, "classes.nothing = {max = 1, judge = 'point'}")[0]
    assert (named.verdict, named.note) == ("untested", "the value is unknown")
