"""Shifts in a sweep: predicted once, resumed, added later, verified, merged; never retrained."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from analysis import schema
from analysis.cli.main import main
from analysis.cli.sweep import read_config, sweep_from
from analysis.config import Shift, Sweep, Training, parse_shifts, parse_variants
from analysis.errors import CacheError, UserError
from analysis.shifts.corruptions.apply import corrupt
from analysis.shifts.parse import parse_corruptions
from analysis.store import Cache, SweepFolder
from analysis.store.manifest import Manifest
from analysis.sweep.merge import merge
from analysis.sweep.run import run_sweep
from tests.conftest import digest, made_once, prediction_digests, small_sweep
from tests.gate import Gate
from tests.synthetic import by_hand

ROOT = Path(__file__).parent.parent
CORRUPTIONS = ("gaussian_noise=3,5", "defocus_blur")
NAMES = ("gaussian_noise-3", "gaussian_noise-5", "defocus_blur-3")


def shifted_sweep(*more: Shift, name: str = "small", **changes: object) -> Sweep:
    return small_sweep(name, shifts=(*parse_corruptions(CORRUPTIONS), *more), **changes)


def shift_digests(folder: SweepFolder) -> dict[str, str]:
    """SHA-256 of every prediction file of the shifts by its name."""
    files = sorted((folder.path / "shifts").glob("*/predictions/*/seed-*.parquet"))
    return {folder.relative(path): digest(path.read_bytes()) for path in files}


def stamps(folder: SweepFolder) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.path.rglob("*.parquet")}


@pytest.fixture(scope="session")
def shifted(swept: SweepFolder, tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """The small sweep, to which shifts are added when it is finished. Do not change it."""

    def make(root: Path) -> None:
        shutil.copytree(swept.path, root / "small")
        run_sweep(shifted_sweep(), Cache(root), n_workers=2, device="cpu")

    return Cache(made_once(tmp_path_factory, "shifted", make)).sweep("small")


@pytest.fixture
def copied(shifted: SweepFolder, tmp_path: Path) -> SweepFolder:
    shutil.copytree(shifted.path, tmp_path / "small")
    return Cache(tmp_path).sweep("small")


def run(folder: SweepFolder, sweep: Sweep, **options: int) -> Manifest:
    return run_sweep(sweep, Cache(folder.path.parent), device="cpu", **({"n_workers": 1} | options))


# --- what is made ---------------------------------------------------------------------------------
def test_shifts_added_to_a_finished_sweep_leave_its_own_predictions_alone(
    swept: SweepFolder, shifted: SweepFolder
) -> None:
    assert prediction_digests(shifted) == prediction_digests(swept)
    for path, stamp in stamps(swept).items():
        if path.name != "images.parquet":
            assert (shifted.path / swept.relative(path)).stat().st_mtime_ns == stamp
    manifest = shifted.manifest()
    assert [shift.name for shift in manifest.shifts] == list(NAMES)
    assert (manifest.n_shifted_done, manifest.n_shifted) == (24, 24)
    assert shifted.verify() == []
    assert len(shift_digests(shifted)) == 24
    assert not (shifted.derived / "shifted").exists()
    assert manifest.config.shifts == list(NAMES)
    assert "shifts" not in manifest.config.options


def test_predictions_on_a_shift_have_the_schema_and_the_distance_of_paired_runs(
    shifted: SweepFolder,
) -> None:
    for variant_id, is_paired in (
        ("dense", False),
        ("magnitude-0.90", False),
        ("int8-static", True),
    ):
        path = shifted.prediction_path(variant_id, 1, shift="gaussian_noise-5")
        table = pq.read_table(path)
        assert table.schema.remove_metadata().equals(schema.predictions_schema(10))
        assert table[schema.IMAGE_ID].to_pylist() == list(range(200))
        assert (table[schema.KL_FROM_DENSE].null_count == 0) == is_paired
    kl = table[schema.KL_FROM_DENSE].to_numpy()
    assert (kl >= 0).all()
    assert 0 < kl.mean() < 0.2


def test_one_go_two_goes_and_any_number_of_workers_give_the_same_bytes(
    shifted: SweepFolder, tmp_path: Path
) -> None:
    run_sweep(shifted_sweep(), Cache(tmp_path), n_workers=1, device="cpu")
    at_once = Cache(tmp_path).sweep("small")
    assert shift_digests(at_once) == shift_digests(shifted)
    assert prediction_digests(at_once) == prediction_digests(shifted)


def test_images_of_a_corruption_are_the_test_images_corrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from analysis.datasets.preprocess import Arrays
    from analysis.shifts import inputs

    pixels = np.random.default_rng(0).integers(0, 256, (300, 1, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "test.npy", pixels)
    np.save(tmp_path / "test-labels.npy", np.arange(300) % 7)
    shifts = parse_corruptions(["snow=2", "shot_noise"])
    said: list[tuple[int, int]] = []

    def written(folder: str) -> Arrays:
        inputs.write_corrupted(
            shifts, Arrays(tmp_path), tmp_path / folder, n_processes=2,
            progress=lambda _, done, total: said.append((done, total)),
        )  # fmt: skip
        return Arrays(tmp_path / folder)

    here = written("here")
    monkeypatch.setattr(inputs, "_FEW_VALUES", 0)
    elsewhere = written("processes")
    for shift, name in zip(shifts, ("snow", "shot_noise"), strict=True):
        expected = np.stack([corrupt(image, name, shift.severity or 0) for image in pixels])
        assert np.array_equal(here.pixels(shift.name), expected)
        assert np.array_equal(elsewhere.pixels(shift.name), expected)
        assert np.array_equal(here.labels(shift.name), np.arange(300) % 7)
    assert said == [(i, 4) for i in (1, 2, 3, 4)] * 2


# --- resumed, extended ----------------------------------------------------------------------------
def test_only_what_is_missing_on_a_shift_is_predicted_again(
    shifted: SweepFolder, copied: SweepFolder
) -> None:
    gone = [
        copied.prediction_path("int8-static", 0, shift="gaussian_noise-5"),
        copied.prediction_path("dense", 1, shift="defocus_blur-3"),
    ]
    for path in gone:
        path.unlink()
    cut = copied.prediction_path("magnitude-0.90", 0, shift="defocus_blur-3")
    cut.write_bytes(cut.read_bytes()[:500])
    before = stamps(copied)
    run(copied, shifted_sweep())
    after = stamps(copied)
    again = {p for p in after if after[p] != before.get(p) and p.name != "images.parquet"}
    assert again == {*gone, cut}
    assert shift_digests(copied) == shift_digests(shifted)
    assert copied.verify() == []


def test_predictions_that_the_manifest_missed_are_adopted(copied: SweepFolder) -> None:
    path = copied.path / "manifest.json"
    manifest = by_hand(path)
    manifest["files"] = {n: f for n, f in manifest["files"].items() if "defocus" not in n}
    manifest["shifts"][2]["done"] = {}
    path.write_text(json.dumps(manifest))
    before = stamps(copied)
    assert run(copied, shifted_sweep()).n_shifted_done == 24
    changed = [p for p, stamp in stamps(copied).items() if before[p] != stamp]
    assert [p.name for p in changed] == ["images.parquet"]
    assert copied.verify() == []


def test_a_sweep_killed_among_its_shifts_resumes_to_the_same_bytes(
    swept: SweepFolder,
    shifted: SweepFolder,
    tmp_path: Path,
    gate: Gate,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    folder = Cache(tmp_path).sweep("small")
    before = {p: s for p, s in stamps(folder).items() if p.name != "images.parquet"}
    words = [
        "sweep", "--dataset", "digits", "--name", "small",
        "--variants", "magnitude=0.9", "--variants", "int8-static", "--variants", "int8-dynamic",
        "--seeds", "2", "--epochs", "3", "--prune-every", "4", "--train-limit", "600",
        "--test-limit", "200", "--cache", str(tmp_path), "--device", "cpu", "--workers", "1",
        "--corruptions", CORRUPTIONS[0], "--corruptions", CORRUPTIONS[1],
    ]  # fmt: skip
    command = [sys.executable, "-m", "analysis", *words]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        _wait_for(lambda: bool(shift_digests(folder)), process)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    _wait_for(lambda: not folder.is_running, None)
    early = {
        path: path.stat().st_mtime_ns for path in folder.path.glob("shifts/*/*/*/seed-*.parquet")
    }
    assert 0 < len(early) < 24
    gate.open()
    assert main(words) == 0
    assert "24 of 24" in capsys.readouterr().out
    assert shift_digests(folder) == shift_digests(shifted)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in (before | early).items())
    assert folder.verify() == []
    assert list(folder.path.rglob(".tmp-*")) == []


def _wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes] | None") -> None:
    for _ in range(4000):
        if condition():
            return
        assert process is None or process.poll() is None, "the sweep ended too early"
        time.sleep(0.01)
    pytest.fail("it never happened")


def test_more_shifts_and_seeds_extend_what_is_there(copied: SweepFolder) -> None:
    before = shift_digests(copied)
    wider = replace(shifted_sweep(*parse_corruptions(["contrast=1"])), seeds=3)
    manifest = run(copied, wider, n_workers=2)
    assert manifest.shifted_seeds("contrast-1", "int8-static") == [0, 1, 2]
    assert manifest.n_shifted_done == manifest.n_shifted == 4 * 4 * 3
    assert before.items() <= shift_digests(copied).items()
    # Without shifts the sweep goes on as before, and those it has stay.
    assert run(copied, small_sweep(seeds=3)).n_shifted_done == 48
    assert copied.verify() == []


def test_weights_that_are_gone_are_trained_again_for_a_new_shift(
    swept: SweepFolder, shifted: SweepFolder, tmp_path: Path
) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    folder = Cache(tmp_path).sweep("small")
    shutil.rmtree(folder.path / "weights")
    shutil.rmtree(folder.derived)
    assert run(folder, shifted_sweep(), n_workers=2).n_shifted_done == 24
    assert shift_digests(folder) == shift_digests(shifted)
    assert prediction_digests(folder) == prediction_digests(swept)
    assert folder.verify() == []


def test_a_run_that_cannot_be_predicted_again_is_recorded_and_the_rest_goes_on(
    swept: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(swept.path, tmp_path / "small")
    folder = Cache(tmp_path).sweep("small")
    folder.weights_path("magnitude-0.90", 1).write_bytes(b"no weights")
    manifest = run(folder, shifted_sweep())
    assert manifest.n_shifted_done == 21
    for shift in manifest.shifts:
        assert "cannot be read" in shift.failed["magnitude-0.90/seed-1"]
    from analysis.cli.sweep import _report

    assert _report(manifest, Cache(tmp_path)) == 3
    assert "failed on shift defocus_blur-3" in capsys.readouterr().err


# --- the cache ------------------------------------------------------------------------------------
def test_verify_finds_damage_among_the_shifts(copied: SweepFolder) -> None:
    damaged, gone = (
        copied.prediction_path("dense", seed, shift="gaussian_noise-3") for seed in (0, 1)
    )
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    gone.unlink()
    foreign = copied.prediction_path("dense", 7, shift="gaussian_noise-3")
    foreign.write_bytes(b"mine")
    assert sorted(copied.verify()) == [
        "damaged: shifts/gaussian_noise-3/predictions/dense/seed-0.parquet (its SHA-256 is not "
        "the manifest's)",
        "foreign: shifts/gaussian_noise-3/predictions/dense/seed-7.parquet (not in the manifest)",
        "missing: shifts/gaussian_noise-3/predictions/dense/seed-1.parquet",
    ]


def test_rename_and_remove_take_the_shifts_along(copied: SweepFolder) -> None:
    cache = Cache(copied.path.parent)
    cache.rename("small", "other")
    assert cache.sweep("other").verify() == []
    assert len(shift_digests(cache.sweep("other"))) == 24
    cache.remove("other")
    assert list(cache.root.iterdir()) == []


def test_merged_sweeps_have_the_shifts_of_both(shifted: SweepFolder, tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for name, lacks in (("left", "gaussian_noise-5"), ("right", "defocus_blur-3")):
        shutil.copytree(shifted.path, tmp_path / name)
        folder = cache.sweep(name)
        shutil.rmtree(folder.path / "shifts" / lacks)
        manifest = folder.manifest()
        manifest.name = name
        manifest.shifts = [shift for shift in manifest.shifts if shift.name != lacks]
        manifest.files = {p: f for p, f in manifest.files.items() if lacks not in p}
        folder.write_manifest(manifest)
    merged = merge(cache, "left", "right", "both")
    assert merged.n_shifted_done == merged.n_shifted == 24
    assert cache.sweep("both").verify() == []
    assert shift_digests(cache.sweep("both")) == shift_digests(shifted)
    assert cache.sweep("left").manifest().n_shifted == 16
    manifest = cache.sweep("right").manifest()
    manifest.files["shifts/gaussian_noise-3/predictions/dense/seed-0.parquet"].sha256 = "0" * 64
    cache.sweep("right").write_manifest(manifest)
    with pytest.raises(UserError, match=r"both have shifts/gaussian_noise-3/.*, and they differ"):
        merge(cache, "left", "right", "again")


def test_a_manifest_from_before_shifts_is_read(swept: SweepFolder) -> None:
    raw = json.loads(swept.manifest_text())
    del raw["shifts"], raw["content_sha256"]
    manifest = Manifest.from_json(json.dumps(raw), "manifest.json")
    assert (manifest.shifts, manifest.n_shifted) == ([], 0)
    with pytest.raises(CacheError, match="no shift 'fog-3'; it has none"):
        manifest.shift("fog-3")


# --- natural shifts -------------------------------------------------------------------------------
def _pictures(root: Path, names: dict[str, int], n: int = 10, size: int = 12) -> Path:
    for name, colour in names.items():
        (root / name).mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (size, size), (colour, i * 9, 90)).save(root / name / f"{i}.png")
    return root


COLOURS = {"ant": 20, "bee": 90, "cat": 160, "dog": 230}


@pytest.fixture
def photos(tmp_path: Path) -> Sweep:
    """A sweep over four classes of plain pictures."""
    return Sweep(
        name="photos",
        dataset=f"folder:{_pictures(tmp_path / 'data', COLOURS)}",
        model="tiny_cnn",
        variants=parse_variants(["int8-dynamic"]),
        seeds=1,
        training=Training(epochs=1, batch_size=4),
        image_size=8,
    )


def test_the_same_images_as_a_shift_give_the_same_predictions(tmp_path: Path) -> None:
    sweep = small_sweep(test_limit=None, shifts=parse_shifts(["same=digits"]))
    run_sweep(sweep, Cache(tmp_path), n_workers=2, device="cpu")
    folder = Cache(tmp_path).sweep("small")
    assert folder.manifest().shift("same").n_images == 539
    for variant in folder.manifest().variants:
        for seed in (0, 1):
            clean, again = (
                pq.read_table(folder.prediction_path(variant.variant_id, seed, shift=shift))
                for shift in (None, "same")
            )
            assert clean.equals(again), variant.variant_id


def test_a_natural_shift_may_have_some_of_the_classes_and_is_matched_by_name(
    photos: Sweep, tmp_path: Path
) -> None:
    other = _pictures(tmp_path / "other", {"dog": 220, "bee": 100}, n=4, size=30)
    (other / "dog" / "broken.png").write_bytes(b"no picture")
    sweep = replace(photos, shifts=parse_shifts([f"phone=folder:{other}"]))
    cache = Cache(tmp_path / "cache")
    manifest = run_sweep(sweep, cache, n_workers=1, device="cpu")
    folder = cache.sweep("photos")
    record = manifest.shift("phone")
    assert (record.n_images, manifest.n_shifted_done) == (8, 2)
    assert [entry.file for entry in record.left_out] == ["dog/broken.png"]
    images = folder.read_images(shift="phone")
    assert images.schema.names[:6] == folder.read_images().schema.names[:6]
    # All of it is used, not the 30 % that would be split off for a test.
    assert images[schema.PATH].to_pylist() == [
        *(f"bee/{i}.png" for i in range(4)), *(f"dog/{i}.png" for i in range(4)),
    ]  # fmt: skip
    assert images[schema.LABEL].to_pylist() == [1] * 4 + [3] * 4
    table = pq.read_table(folder.prediction_path("dense", 0, shift="phone"))
    right = table[schema.PREDICTION].to_numpy() == images[schema.LABEL].to_numpy()
    assert ((table[schema.TRUE_RANK].to_numpy() == 0) == right).all()
    assert folder.verify() == []


def test_the_test_split_is_used_where_a_natural_shift_has_one(
    photos: Sweep, tmp_path: Path
) -> None:
    for split, n in (("train", 6), ("test", 3)):
        _pictures(tmp_path / "other" / split, {"ant": 25, "cat": 150}, n=n)
    sweep = replace(photos, shifts=parse_shifts([f"late=folder:{tmp_path / 'other'}"]))
    run_sweep(sweep, Cache(tmp_path / "cache"), n_workers=1, device="cpu")
    images = Cache(tmp_path / "cache").sweep("photos").read_images(shift="late")
    assert images.num_rows == 6
    assert all(path.startswith("test/") for path in images[schema.PATH].to_pylist())


def test_changed_images_under_the_same_name_are_refused_and_lost_ones_written_again(
    photos: Sweep, tmp_path: Path
) -> None:
    other = _pictures(tmp_path / "other", {"ant": 25, "cat": 150}, n=3)
    sweep = replace(photos, shifts=parse_shifts([f"late=folder:{other}"]))
    cache = Cache(tmp_path / "cache")
    run_sweep(sweep, cache, n_workers=1, device="cpu")
    path = cache.sweep("photos").images_path("late")
    content = path.read_bytes()
    path.unlink()
    run_sweep(sweep, cache, n_workers=1, device="cpu")
    assert path.read_bytes() == content
    assert cache.sweep("photos").verify() == []
    Image.new("RGB", (9, 9), "red").save(other / "ant" / "0.png")
    with pytest.raises(UserError, match="data of shift 'late' of sweep 'photos' have changed"):
        run_sweep(sweep, cache, n_workers=1, device="cpu")


def test_images_that_were_trained_on_are_counted(photos: Sweep, tmp_path: Path) -> None:
    copy = shutil.copytree(photos.dataset.removeprefix("folder:"), tmp_path / "copy")
    sweep = replace(photos, shifts=parse_shifts([f"again=folder:{copy}"]))
    manifest = run_sweep(sweep, Cache(tmp_path / "cache"), n_workers=1, device="cpu")
    assert manifest.shift("again").notes == [
        "28 images of shift again are in the train split, byte for byte"
    ]


def test_a_class_that_the_sweep_has_not_is_named_before_anything_is_trained(
    photos: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _pictures(tmp_path / "other", {"ant": 1, "newt": 2, "yak": 3}, n=2)
    cache = tmp_path / "cache"
    status = main(
        ["sweep", "--dataset", photos.dataset, "--image-size", "8", "--cache", str(cache),
         "--shift", f"odd=folder:{other}"]
    )  # fmt: skip
    told = capsys.readouterr().err
    assert status == 2
    assert "'newt', 'yak': no such class in the sweep's data, which have 'ant', 'bee'" in told
    assert len(told.splitlines()) == 1
    assert not cache.exists()


# --- what is asked --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shift", "folder:DIR"], "expected NAME=SPEC"),
        (["--shift", "x="], "expected NAME=SPEC"),
        (["--shift", "../x=digits"], "shift '../x': expected a name of letters"),
        (["--shift", "x=digits", "--shift", "x=folder:y"], "two different shifts are named 'x'"),
        (["--shift", "fog-3=digits", "--corruptions", "fog"], "shifts are named 'fog-3'"),
        (["--shift", "x=folder:/there/is/none"], "no such folder"),
        (["--corruptions", "smog"], "unknown corruption"),
        (["--corruptions", "fog=9"], "from 1 to 5"),
    ],
)
def test_a_mistake_gets_one_line_and_status_2(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "none"
    assert main(["sweep", "--dataset", "digits", "--cache", str(cache), *options]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1
    assert not cache.exists()


def test_a_corruption_and_other_images_cannot_share_a_name(
    shifted: SweepFolder, copied: SweepFolder
) -> None:
    with pytest.raises(UserError, match="another shift named 'defocus_blur-3'"):
        run(copied, small_sweep(shifts=(Shift("defocus_blur-3", dataset="digits"),)))
    assert prediction_digests(copied) == prediction_digests(shifted)


def test_shifts_can_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text('dataset = "digits"\ncorruptions = ["fog=1", "snow"]\nshift = ["x=digits"]\n')
    sweep = sweep_from(read_config({"config": str(path)}))
    assert [shift.name for shift in sweep.shifts] == ["fog-1", "snow-3", "x"]
    path.write_text('dataset = "digits"\ncorruptions = "fog"\n')
    with pytest.raises(UserError, match="'corruptions' has the wrong type"):
        read_config({"config": str(path)})
