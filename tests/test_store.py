"""The cache on disk: whole files only, and damage that is found and named."""

import json
import shutil
import threading

import filelock
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import schema
from analysis.errors import CacheError, RunError, UserError
from analysis.store import Cache
from analysis.store.manifest import Manifest
from tests.synthetic import by_hand, listed, make_sweep


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    make_sweep(root, "made", n_images=30, seeds=2, variants=("magnitude=0.5",))
    return root


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made / "made", tmp_path / "made")
    return Cache(tmp_path).existing("made")


def a_run(folder):
    return folder.prediction_path("magnitude-0.50", 1)


# --- whole files only ---------------------------------------------------------------------------
def test_what_was_written_is_read_back(folder):
    found = folder.read_population("magnitude-0.50", ["prediction", "confidence"], [0, 1], 30)
    assert found.seeds == (0, 1)
    assert found.prediction.shape == found["confidence"].shape == (2, 30)
    expected = pq.read_table(a_run(folder))["prediction"].to_numpy()
    np.testing.assert_array_equal(found.prediction[1], expected)


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(folder, monkeypatch):
    before = a_run(folder).read_bytes()
    there = sorted(folder.path.rglob("*"))

    def half_a_file(_table, where, **_options):
        where.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analysis.store.sweep_folder.pq.write_table", half_a_file)
    table = pa.table({"image_id": pa.array([0], pa.int32())})
    with pytest.raises(RunError, match="No space left on device"):
        folder.write_predictions("magnitude-0.50", 1, table, {})
    assert a_run(folder).read_bytes() == before
    assert sorted(folder.path.rglob("*")) == there


def test_a_writer_that_is_interrupted_leaves_the_old_manifest(folder, monkeypatch):
    before = folder.manifest_text()
    manifest = folder.manifest()

    def interrupted(_self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Manifest, "to_json", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.write_manifest(manifest)
    assert folder.manifest_text() == before


def test_a_new_file_makes_its_folders(folder):
    record = folder.write_bytes(folder.weights_path("dense", 7), b"weights")
    assert folder.weights_path("dense", 7).read_bytes() == b"weights"
    assert record.size == 7


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(folder):
    whole = sorted(folder.path.rglob("*"))
    for place in (folder.path, a_run(folder).parent):
        (place / ".tmp-4711-seed-9.parquet").write_bytes(b"half")
    with folder.locked():
        pass
    (folder.path / ".lock").unlink()
    assert sorted(folder.path.rglob("*")) == whole


# --- what verify finds --------------------------------------------------------------------------
def test_verify_finds_nothing_wrong_with_a_whole_sweep(folder):
    assert folder.verify() == []


def test_verify_finds_a_flipped_byte(folder):
    content = bytearray(a_run(folder).read_bytes())
    content[len(content) // 2] ^= 1
    a_run(folder).write_bytes(content)
    (problem,) = folder.verify()
    assert problem.startswith("damaged: predictions/magnitude-0.50/seed-1.parquet")


def test_verify_finds_a_missing_file(folder):
    a_run(folder).unlink()
    assert folder.verify() == ["missing: predictions/magnitude-0.50/seed-1.parquet"]


def test_verify_finds_a_foreign_file_but_passes_over_what_can_be_computed_again(folder):
    (folder.path / "notes.txt").write_text("mine")
    folder.derived.mkdir()
    (folder.derived / "modal.parquet").write_text("derived")
    assert folder.verify() == ["foreign: notes.txt (not in the manifest)"]


def test_verify_finds_a_run_that_is_done_but_not_listed(folder):
    manifest = folder.manifest()
    relative = folder.relative(a_run(folder))
    del manifest.files[relative]
    folder.write_manifest(manifest)
    assert any(p.startswith(f"unlisted: {relative}") for p in folder.verify())


# --- reading what is damaged --------------------------------------------------------------------
def test_a_missing_run_is_named_with_what_to_do(folder):
    a_run(folder).unlink()
    with pytest.raises(CacheError, match=r"seed-1\.parquet is missing.*verify made"):
        folder.read_population("magnitude-0.50", ["prediction"], [0, 1], 30)


def test_a_damaged_run_is_named(folder):
    a_run(folder).write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(CacheError, match=r"seed-1\.parquet is damaged"):
        folder.read_population("magnitude-0.50", ["prediction"], [1], 30)


def test_a_run_of_other_length_is_refused(folder):
    with pytest.raises(CacheError, match="has 30 rows where the sweep has 31 images"):
        folder.read_population("magnitude-0.50", ["prediction"], [1], 31)


def test_missing_values_of_a_run_are_read_as_unknown(folder):
    layout = schema.predictions_schema(5)
    n = 30
    columns = {name: pa.nulls(n, layout.field(name).type) for name in layout.names}
    columns["image_id"] = pa.array(range(n), pa.int32())
    columns["prediction"] = pa.array([1] * n, pa.int16())
    folder.write_predictions("magnitude-0.50", 1, pa.table(columns, schema=layout), {})
    listed(folder)
    found = folder.read_population("magnitude-0.50", ["confidence", "true_rank"], [0, 1], n)
    assert np.isnan(found["confidence"][1]).all()
    assert np.isnan(found["true_rank"][1]).all()
    assert not np.isnan(found["true_rank"][0]).any()


# --- the manifest -------------------------------------------------------------------------------
def test_the_manifest_survives_writing_and_reading(folder):
    manifest = folder.manifest()
    again = Manifest.from_json(manifest.to_json(), "there")
    assert again == manifest


def test_a_manifest_of_another_schema_version_is_refused_with_both_versions(folder):
    path = folder.path / "manifest.json"
    raw = by_hand(path)
    path.write_text(json.dumps(raw | {"schema_version": 999}))
    with pytest.raises(CacheError, match=rf"version 999.*to {schema.SCHEMA_VERSION}"):
        folder.manifest()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema_version": 1}', "null"])
def test_a_damaged_manifest_is_named(folder, text):
    (folder.path / "manifest.json").write_text(text)
    with pytest.raises(CacheError, match=r"manifest\.json is damaged"):
        folder.manifest()


def test_writing_the_manifest_keeps_when_it_was_made(folder):
    manifest = folder.manifest()
    manifest.created = "2020-01-01T00:00:00+00:00"
    folder.write_manifest(manifest)
    assert folder.manifest().created == "2020-01-01T00:00:00+00:00"
    assert folder.manifest().updated != "2020-01-01T00:00:00+00:00"


# --- one writer at a time -----------------------------------------------------------------------
def test_a_sweep_that_is_being_written_is_refused_to_a_second_writer(folder):
    other = filelock.FileLock(folder.path / ".lock", thread_local=False)
    held, done = threading.Event(), threading.Event()

    def hold():
        with other:
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    try:
        assert folder.is_running
        with (
            pytest.raises(UserError, match=r"'made' is being written by another process.*--name"),
            folder.locked(),
        ):
            pass
    finally:
        done.set()
        holder.join()
    with folder.locked():
        pass
    assert not folder.is_running


# --- the folder of sweeps -----------------------------------------------------------------------
def test_an_unknown_sweep_is_named_with_those_there_are(folder):
    cache = Cache(folder.path.parent)
    with pytest.raises(UserError, match=r"no sweep 'other'.*it has: made"):
        cache.existing("other")


def test_an_empty_cache_has_no_sweeps_and_says_how_to_make_one(tmp_path):
    cache = Cache(tmp_path / "none")
    assert cache.names() == []
    with pytest.raises(UserError, match="demo"):
        cache.existing("made")


def test_a_sweep_can_be_renamed_but_not_over_another(folder):
    cache = Cache(folder.path.parent)
    cache.rename("made", "renamed")
    assert cache.names() == ["renamed"]
    assert cache.existing("renamed").manifest().name == "renamed"
    (cache.root / "taken").mkdir()
    with pytest.raises(UserError, match="'taken' exists already"):
        cache.rename("renamed", "taken")


def test_a_removed_sweep_is_gone(folder):
    cache = Cache(folder.path.parent)
    cache.remove("made")
    assert cache.names() == []
    assert not folder.path.exists()


@pytest.mark.parametrize("name", ["../made", "a/b", ""])
def test_a_name_that_leaves_the_cache_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="sweep name"):
        Cache(tmp_path).sweep(name)
