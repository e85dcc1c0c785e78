"""A second import, what is missing, one run a variant, and a sweep beside an import."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy

from analysis.cli.main import main
from analysis.results import SweepResults
from analysis.store import Cache, SweepFolder
from tests.importing.drawn import (
    RUNS,
    N,
    imported,
    labels,
    left_in,
    logits,
    named,
    predictions,
    softmax,
    table,
    write,
    write_scores,
    write_text,
)
from tests.synthetic import make_sweep


def of(frame: pd.DataFrame, *variants: str, seed: int | None = None) -> pd.DataFrame:
    chosen = frame["variant_id"].isin(variants) if variants else True
    return frame[chosen & (True if seed is None else frame["seed"] == seed)]


def refused(capsys: pytest.CaptureFixture[str], cache: Path, *arguments: str) -> str:
    assert main(["import", *arguments, "--name", "mine", "--cache", str(cache)]) == 2
    return capsys.readouterr().err


def contents(folder: SweepFolder) -> dict[str, bytes]:
    root = Path(str(folder.path))
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("first", ["variant", "seed"])
def test_a_second_import_adds_variants_or_seeds(tmp_path: Path, first: str) -> None:
    frame, cache = table(), tmp_path / "cache"
    is_first = frame["variant_id"] == "dense" if first == "variant" else frame["seed"] == 0
    imported(cache, write(frame[is_first], tmp_path / "a.csv"))
    folder = imported(cache, write(frame[~is_first], tmp_path / "b.parquet"))
    at_once = imported(tmp_path / "other", write(frame, tmp_path / "t.csv"))
    pd.testing.assert_frame_equal(predictions(folder), predictions(at_once))
    files = folder.manifest().imported
    assert [(one.file, one.rows) for one in files] == [
        ("a.csv", int(is_first.sum())),
        ("b.parquet", int((~is_first).sum())),
    ]
    assert folder.verify() == []


def test_a_second_import_may_say_classes_the_other_way(tmp_path: Path) -> None:
    frame, cache = table(), tmp_path / "cache"
    imported(cache, write(of(named(frame), "dense"), tmp_path / "a.csv"))
    folder = imported(cache, write(of(frame, "magnitude-0.90"), tmp_path / "b.csv"))
    at_once = imported(tmp_path / "other", write(named(frame), tmp_path / "t.csv"))
    pd.testing.assert_frame_equal(predictions(folder), predictions(at_once))


def test_a_run_that_is_there_needs_overwrite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, cache = table(), tmp_path / "cache"
    folder = imported(cache, write(frame, tmp_path / "a.csv"))
    before = contents(folder)
    again = of(frame, "magnitude-0.90", seed=1).copy()
    again["prediction"] = (again["prediction"] + 1) % 5
    again = again.drop(columns=["true_rank", "true_confidence", "confidence"])
    path = write(again, tmp_path / "b.csv")
    message = refused(capsys, cache, path)
    assert "has the run magnitude-0.90, seed 1 already" in message
    assert "--overwrite" in message
    assert contents(folder) == before
    imported(cache, path, options=("--overwrite",))
    found = predictions(folder)
    changed = found[(found["variant_id"] == "magnitude-0.90") & (found["seed"] == 1)]
    expected = again.sort_values("image_id")["prediction"].tolist()
    assert changed["prediction"].tolist() == expected
    unchanged = "predictions/dense/seed-0.parquet"
    assert contents(folder)[unchanged] == before[unchanged]
    assert folder.verify() == []


def test_other_data_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame, cache = table(), tmp_path / "cache"
    folder = imported(cache, write(of(frame, "dense"), tmp_path / "a.csv"))
    before = contents(folder)
    new = of(table(shuffled=False), "magnitude-0.90")
    longer = write(of(table(n=N + 1), "magnitude-0.90"), tmp_path / "b.csv")
    assert "names no image of sweep 'mine', which has 60" in refused(capsys, cache, longer)
    shorter = write(new[new["image_id"] > 0], tmp_path / "c.csv")
    message = refused(capsys, cache, shorter, "--allow-missing")
    assert "expected the images of sweep 'mine' in every run" in message
    relabelled = write(new.assign(label=(new["label"] + 1) % 5), tmp_path / "d.csv")
    message = refused(capsys, cache, relabelled)
    assert "d.csv, row 2: column 'label' of image 0" in message
    assert "in sweep 'mine'" in message
    unknown = write(named(new), tmp_path / "e.csv")
    assert "which is not a class of sweep 'mine'" in refused(capsys, cache, unknown)
    assert contents(folder) == before


def test_what_is_missing_is_left_out_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, cache = table(), tmp_path / "cache"
    gone = (frame["variant_id"] == "dense") & (frame["seed"] == 1) & frame["image_id"].isin([3, 40])
    path = write(frame[~gone], tmp_path / "t.csv")
    message = refused(capsys, cache, path)
    assert "t.csv: dense, seed 1 has no row for image 3; 2 images" in message
    assert left_in(cache) == []
    folder = imported(cache, path, options=("--allow-missing",))
    manifest = folder.manifest()
    assert [entry.file for entry in manifest.left_out] == ["3", "40"]
    assert manifest.left_out[0].reason.startswith("is in 3 of 4 runs")
    kept = [i for i in range(N) if i not in (3, 40)]
    images = folder.read_images().to_pandas()
    assert images["meta_image_id"].tolist() == kept
    assert images["label"].tolist() == labels()[kept].tolist()
    expected = frame[~frame["image_id"].isin([3, 40])].sort_values(
        ["variant_id", "seed", "image_id"]
    )
    assert predictions(folder)["prediction"].tolist() == expected["prediction"].tolist()
    # What is added later is matched by the ids that were given.
    more = table((("int8-static", 0), ("int8-static", 1)))
    capsys.readouterr()
    assert "names no image" in refused(capsys, cache, write(more, tmp_path / "u.csv"))
    imported(cache, write(more[more["image_id"].isin(kept)], tmp_path / "u.csv"))
    assert folder.verify() == []


def test_uneven_seeds_are_taken_when_asked(tmp_path: Path) -> None:
    frame = table((*RUNS, ("dense", 2)))
    path = write(frame, tmp_path / "t.csv")
    folder = imported(tmp_path / "cache", path, options=("--allow-missing",))
    manifest = folder.manifest()
    assert manifest.run("magnitude-0.90", 2).state == "absent"
    assert manifest.is_complete
    assert (manifest.n_done, manifest.n_runs) == (5, 5)
    assert SweepResults(folder).summary()["n_runs"].tolist() == [3, 2]


def test_no_image_in_every_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = table(shuffled=False)
    halves = frame["image_id"] % 2 == (frame["variant_id"] == "dense")
    path = write(frame[halves], tmp_path / "t.csv")
    assert "no image is in every run" in refused(
        capsys, tmp_path / "cache", path, "--allow-missing"
    )


def test_one_pair_has_flips_kl_and_the_exact_test(tmp_path: Path) -> None:
    pair = tuple(run for run in RUNS if run[1] == 0)
    folder = imported(tmp_path / "cache", *write_scores(tmp_path / "npz", pair))
    results = SweepResults(folder)
    p, q = (softmax(logits(variant, 0)) for variant in ("dense", "magnitude-0.90"))
    expected = entropy(p, q, axis=1)
    images = results.images("magnitude-0.90")
    np.testing.assert_allclose(images["kl_from_dense"], expected, rtol=1e-4, atol=1e-6)
    row = results.summary().set_index("variant_id").loc["magnitude-0.90"]
    assert row["kl_from_dense"] == pytest.approx(expected.mean(), rel=1e-4)
    right = [scores.argmax(axis=1) == labels() for scores in (p, q)]
    assert row["flips_to_wrong"] == pytest.approx((right[0] & ~right[1]).mean())
    assert not row["paired"]
    classes = results.classes("magnitude-0.90")
    assert classes["mcnemar_p"].notna().all()
    assert classes["p"].isna().all()


def test_paired_is_asked_for(tmp_path: Path) -> None:
    files = write_scores(tmp_path / "npz")
    folder = imported(tmp_path / "cache", *files, options=("--paired",))
    manifest = folder.manifest()
    assert [record.paired for record in manifest.variants] == [False, True]
    assert "was made from dense seed k" in manifest.pairing
    found = predictions(folder, ["kl_from_dense"])
    assert found.groupby("variant_id")["kl_from_dense"].count().to_dict() == {
        "dense": 0, "magnitude-0.90": 2 * N,
    }  # fmt: skip
    alone = imported(tmp_path / "cache", *files, name="alone")
    assert [record.paired for record in alone.manifest().variants] == [False, False]


def test_probabilities_of_0_have_a_finite_kl(tmp_path: Path) -> None:
    rows = np.array([[1.0, 0.0], [0.5, 0.5]])
    for variant, p in (("dense", rows), ("int8-static", rows[::-1])):
        np.savez(tmp_path / f"{variant}__seed-0.npz", probabilities=p, labels=[0, 1])
    folder = imported(tmp_path / "cache", str(tmp_path / "*.npz"))
    kl = predictions(folder, ["kl_from_dense"])["kl_from_dense"].tolist()[2:]
    assert kl[0] == pytest.approx(np.log(2), rel=1e-5)
    # A probability of 0 counts as half a step of 8 bits: two values say nothing of their steps.
    assert kl[1] == pytest.approx(np.log(512) / 2 - np.log(2), rel=1e-5)


def test_a_trained_sweep_takes_no_import_and_an_imported_one_no_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    make_sweep(cache, "mine", n_images=N)
    path = write(table(), tmp_path / "t.csv")
    assert "was trained, not imported" in refused(capsys, cache, path)
    imported(cache, path, name="other")
    command = ["sweep", "--dataset", "digits", "--name", "other", "--cache", str(cache)]
    assert main(command) == 2
    assert "was imported" in capsys.readouterr().err


def test_every_verb_works_on_an_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache, frame = tmp_path / "cache", named(table())
    imported(cache, write(of(frame, seed=0), tmp_path / "a.csv"), name="a")
    imported(cache, write(of(frame, seed=1), tmp_path / "b.csv"), name="b")
    for command in (
        ["list"], ["show", "a"], ["show", "a", "--results"], ["verify", "a"],
        ["merge", "a", "b", "--name", "c"], ["verify", "c"], ["rename", "c", "d"],
        *(["export", "d", name] for name in ("runs", "images", "pies", "classes", "summary")),
        ["export", "d", "curves"], ["remove", "b"],
    ):  # fmt: skip
        assert main([*command, "--cache", str(cache)]) == 0, command
    out = capsys.readouterr().out
    assert "dataset: imported predictions, 60 images, 5 classes" in out
    merged = Cache(cache).existing("d")
    assert [one.file for one in merged.manifest().imported] == ["a.csv", "b.csv"]
    assert merged.manifest().is_complete
    # A merged one takes more.
    imported(cache, write(table((("int8-static", 0), ("int8-static", 1))), tmp_path / "e.csv"),
             name="d")  # fmt: skip


def test_the_manifest_says_where_predictions_came_from(tmp_path: Path) -> None:
    path = write(table(), tmp_path / "t.csv")
    manifest = imported(tmp_path / "cache", path).manifest()
    (file,) = manifest.imported
    assert file.file == "t.csv"
    assert str(tmp_path) not in manifest.to_json()
    assert manifest.device.device == "imported"
    run = manifest.run("dense", 0)
    assert (run.state, run.size_bytes, run.latency_ms, run.sparsity) == ("done", None, None, None)


def test_predictions_without_a_manifest_are_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    folder = make_sweep(cache, "mine", n_images=N)
    (Path(str(folder.path)) / "manifest.json").unlink()
    before = contents(folder)
    message = refused(capsys, cache, write(table(), tmp_path / "t.csv"))
    assert "has predictions but no manifest" in message
    assert contents(folder) == before


def test_two_imports_at_once_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    with Cache(cache).sweep("mine").locked():
        message = refused(capsys, cache, write(table(), tmp_path / "t.csv"))
    assert "being written by another process" in message


def test_classes_are_those_of_all_files_together(tmp_path: Path) -> None:
    text = "image_id,label,seed,variant_id,prediction\n"
    files = [
        write_text(tmp_path / "a.csv", text + "0,10,0,dense,9\n"),
        write_text(tmp_path / "b.csv", text + "0,10,0,m,2\n"),
    ]
    folder = imported(tmp_path / "cache", *files)
    assert folder.manifest().class_names == [str(i) for i in range(11)]
    files[1] = write_text(tmp_path / "b.csv", text + "0,cat,0,m,2\n")
    command = ["import", *files, "--name", "other", "--cache", str(tmp_path / "cache")]
    assert main(command) == 2
