import pandas as pd
import pyarrow as pa
import pytest

from analysis.cli.main import main
from analysis.results import SweepResults, inference, source
from analysis.store import Cache, DerivedTables
from tests.synthetic import make_sweep

TABLES = ("summary", "curves", "runs", "classes", "images", "stability")


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "_LARGE", 0)
    return make_sweep(tmp_path)


def shelved(folder):
    return sorted(p.name for p in folder.derived.rglob("*.parquet"))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_from_the_shelf_is_the_table_that_was_computed(large, table, monkeypatch):
    computed = SweepResults(large).table(table)
    assert shelved(large)
    monkeypatch.setattr(source.Source, "population", None)
    if table != "images":  # its difficulty columns are not kept
        pd.testing.assert_frame_equal(SweepResults(large).table(table), computed)
    else:
        kept = SweepResults(large).images(columns=["is_pie", "kind", "vote_distance"])
        pd.testing.assert_frame_equal(kept, computed[kept.columns])


def test_tie_rules_and_numbers_of_splits_do_not_share_tables(large):
    for ties, n_splits in (("confidence", 20), ("reference", 20), ("confidence", 5)):
        results = SweepResults(large, ties=ties, n_splits=n_splits)
        assert results.summary()["noise_floor_share"].notna().all()
    assert sum(name.startswith("summary-") for name in shelved(large)) == 3


def test_another_state_of_the_sweep_takes_the_shelf_over(large):
    SweepResults(large).summary()
    (before,) = (large.derived / "tables").iterdir()
    manifest = large.manifest()
    manifest.pairing = "changed"
    large.write_manifest(manifest)
    SweepResults(large).summary()
    (after,) = (large.derived / "tables").iterdir()
    assert before.name != after.name


def test_a_damaged_table_is_computed_anew(large):
    expected = SweepResults(large).summary()
    for path in large.derived.rglob("summary*.parquet"):
        path.write_bytes(b"PAR1 no table PAR1")
    pd.testing.assert_frame_equal(SweepResults(large).summary(), expected)


def kinds_shelved(folder):
    return {
        next(k for k in (*SEEDS, "halves", "") if name.startswith(k)) for name in shelved(folder)
    }


SEEDS = ("inference", "seed-test", "jackknife")


def test_small_sweeps_keep_what_holds_for_other_seeds_alone(tmp_path):
    folder = make_sweep(tmp_path)
    results = SweepResults(folder)
    for table in TABLES:
        results.table(table)
    assert kinds_shelved(folder) == set(SEEDS)
    n = len(results.compressed_ids)
    assert len(shelved(folder)) == 1 + 2 * n


def test_unfinished_sweeps_keep_nothing(tmp_path, monkeypatch):
    folder = make_sweep(tmp_path)
    monkeypatch.setattr(source, "_LARGE", 0)
    manifest = folder.manifest()
    manifest.run("int8-static", 0).state = "planned"
    folder.write_manifest(manifest)
    SweepResults(folder).summary()
    assert not shelved(folder)


def test_tables_kept_beforehand_need_no_predictions(large, monkeypatch):
    told = []
    SweepResults(large).keep_tables(lambda *phase: told.append(phase))
    n = len(large.manifest().variants)
    seeds = [("seed noise", done, n - 1) for done in range(n)]
    reasons = [("scores and slices", done, n - 1) for done in range(n - 1)]
    assert told == [("tables", done, n) for done in range(n + 1)] + seeds + reasons
    monkeypatch.setattr(source.Source, "population", None)
    results = SweepResults(large)
    assert len(results.summary()) == n
    assert len(results.curves())
    assert results.images(columns=["is_pie", "kind"])["is_pie"].any()


def test_of_a_small_sweep_seed_noise_alone_is_kept_beforehand(tmp_path):
    told = []
    folder = make_sweep(tmp_path)
    SweepResults(folder).keep_tables(lambda *phase: told.append(phase))
    n = len(folder.manifest().variants) - 1
    assert told == [("seed noise", done, n) for done in range(n + 1)]
    assert kinds_shelved(folder) == {*SEEDS, "halves"}


def test_nothing_is_kept_beforehand_of_a_sweep_still_being_made(tmp_path):
    told = []
    folder = make_sweep(tmp_path)
    manifest = folder.manifest()
    manifest.run("int8-static", 0).state = "planned"
    folder.write_manifest(manifest)
    SweepResults(folder).keep_tables(lambda *phase: told.append(phase))
    assert not told
    assert not shelved(folder)


# --- what holds for other seeds -------------------------------------------------------------------
UNKNOWN = (
    "pie_excess_low", "pie_excess_high", "seed_p", "seed_p_holm", "seed_p_fewer",
    "seed_p_fewer_holm", "seed_smallest_p", "dense_top1_on_added", "top1_on_added",
)  # fmt: skip


def untouched(monkeypatch):
    """Fail where the jackknife or the permutation test is computed."""

    def refuse(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr(inference, "jackknife", refuse)
    monkeypatch.setattr(inference, "seed_test", refuse)


def test_without_waiting_what_holds_for_other_seeds_is_null_until_it_is_kept(tmp_path, monkeypatch):
    folder = make_sweep(tmp_path)
    results = SweepResults(folder)
    assert not results.inference.is_known
    with monkeypatch.context() as patched:
        untouched(patched)
        quick = results.summary(wait=False)
    assert quick[list(UNKNOWN)].isna().all(axis=None)
    assert not shelved(folder)
    results.inference.keep(lambda *_: None)
    assert results.inference.is_known
    whole = results.summary(wait=False)
    pd.testing.assert_frame_equal(whole, results.summary())
    rest = whole.columns.difference([*UNKNOWN, "dense_entropy_on_added"], sort=False)
    pd.testing.assert_frame_equal(whole[rest], quick[rest])
    assert list(whole.columns) == list(quick.columns)
    known = whole[whole["variant_id"] != "dense"]
    assert known[["pie_excess_low", "seed_p", "seed_smallest_p"]].notna().all(axis=None)


def test_what_holds_for_other_seeds_is_computed_once(tmp_path, monkeypatch):
    folder = make_sweep(tmp_path)
    first = SweepResults(folder)
    first.inference.keep(lambda *_: None)
    expected, tests = first.summary(), first.seed_test()
    values = first.attributes("magnitude-0.90")
    before = {path: path.stat().st_mtime_ns for path in folder.derived.rglob("*.parquet")}
    untouched(monkeypatch)
    first.inference.keep(lambda *_: None)
    second = SweepResults(folder)
    assert second.inference.is_known
    pd.testing.assert_frame_equal(second.summary(), expected)
    pd.testing.assert_frame_equal(second.seed_test(), tests)
    pd.testing.assert_frame_equal(second.attributes("magnitude-0.90"), values)
    assert before == {path: path.stat().st_mtime_ns for path in folder.derived.rglob("*.parquet")}


def test_what_is_kept_needs_no_predictions(tmp_path, monkeypatch):
    folder = make_sweep(tmp_path)
    kept = SweepResults(folder)
    kept.inference.keep(lambda *_: None)
    monkeypatch.setattr(source.Source, "population", None)
    second = SweepResults(folder)
    assert second.inference.is_known
    pd.testing.assert_frame_equal(second.inference.columns(), kept.inference.columns())


def test_another_takes_over_what_was_computed(tmp_path, monkeypatch):
    folder = make_sweep(tmp_path)
    manifest = folder.manifest()
    manifest.run("int8-static", 0).state = "planned"  # so that there is no shelf to read from
    folder.write_manifest(manifest)
    one, other = SweepResults(folder), SweepResults(folder)
    one.inference.keep(lambda *_: None)
    assert not other.inference.is_known
    untouched(monkeypatch)
    other.inference.take(one.inference)
    assert other.inference.is_known
    pd.testing.assert_frame_equal(other.summary(wait=False), one.summary())


def test_more_seeds_make_what_was_kept_unknown_again(tmp_path):
    folder = make_sweep(tmp_path)
    SweepResults(folder).inference.keep(lambda *_: None)
    manifest = folder.manifest()
    manifest.pairing = "changed"
    folder.write_manifest(manifest)
    assert not SweepResults(folder).inference.is_known
    for ties in ("reference", "exclude"):
        assert not SweepResults(folder, ties=ties).inference.is_known


def test_a_cache_that_cannot_be_written_to_still_tells_of_other_seeds(tmp_path):
    expected = SweepResults(make_sweep(tmp_path / "a")).summary()
    folder = make_sweep(tmp_path / "b")
    folder.derived.mkdir()
    (folder.derived / "tables").write_text("in the way")
    results = SweepResults(folder)
    results.inference.keep(lambda *_: None)
    assert results.inference.is_known
    pd.testing.assert_frame_equal(results.summary(wait=False), expected)
    assert not shelved(folder)


def test_one_run_a_variant_has_nothing_to_say_of_other_seeds(tmp_path):
    results = SweepResults(make_sweep(tmp_path, seeds=1))
    results.inference.keep(lambda *_: None)
    assert results.summary(wait=False)[list(UNKNOWN)].isna().all(axis=None)


def test_verbs_that_bring_runs_keep_their_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "_LARGE", 0)
    rows = [
        f"{variant},{seed},{image},{image % 3},{(image + seed) % 3}"
        for variant in ("dense", "int8")
        for seed in (0, 1)
        for image in range(9)
    ]
    for name, seed in (("a", "0"), ("b", "1")):
        file = tmp_path / f"{name}.csv"
        chosen = [row for row in rows if row.split(",")[1] == seed]
        file.write_text("\n".join(["variant_id,seed,image_id,label,prediction", *chosen]) + "\n")
        assert main(["import", str(file), "--name", name, "--cache", str(tmp_path / "cache")]) == 0
    cache = Cache(tmp_path / "cache")
    assert main(["merge", "a", "b", "--name", "both", "--cache", str(tmp_path / "cache")]) == 0
    for name in ("a", "b", "both"):
        assert {"summary", "pies"} <= {one.split("-")[0] for one in shelved(cache.sweep(name))}


def test_a_cache_that_cannot_be_written_to_still_gives_its_tables(large):
    (large.derived).mkdir()
    (large.derived / "tables").write_text("in the way")
    assert len(SweepResults(large).summary())


def test_a_shelf_holds_what_was_put_on_it(tmp_path):
    shelf = DerivedTables(tmp_path, "key")
    assert shelf.get("t") is None
    shelf.put("t", pa.table({"a": [1]}))
    assert shelf.get("t").equals(pa.table({"a": [1]}))
    assert DerivedTables(tmp_path, "other").get("t") is None
