import pandas as pd
import pyarrow as pa
import pytest

from analysis.cli.main import main
from analysis.results import SweepResults, source
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


def test_small_or_unfinished_sweeps_keep_nothing(tmp_path, monkeypatch):
    folder = make_sweep(tmp_path)
    SweepResults(folder).summary()
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
    assert told == [("tables", done, n) for done in range(n + 1)]
    monkeypatch.setattr(source.Source, "population", None)
    results = SweepResults(large)
    assert len(results.summary()) == n
    assert len(results.curves())
    assert results.images(columns=["is_pie", "kind"])["is_pie"].any()


def test_nothing_is_kept_beforehand_of_a_small_sweep(tmp_path):
    told = []
    folder = make_sweep(tmp_path)
    SweepResults(folder).keep_tables(lambda *phase: told.append(phase))
    assert not told
    assert not shelved(folder)


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
