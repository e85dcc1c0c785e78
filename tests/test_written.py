"""What is read is what was written: bits flipped in every kind of file, and readers between."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import schema
from analysis.cli.main import main
from analysis.errors import DamageError, LetheError, RunError
from analysis.results import SweepResults, load_sweep
from analysis.store import Cache, SweepFolder, checking, sealing
from analysis.store.annotations import FOLDER as ANNOTATIONS
from analysis.store.manifest import Manifest
from analysis.store.study import Design, read_study
from analysis.sweep.merge import merge
from tests.synthetic import by_hand, listed, make_sweep

SHIFT = "fog-3"
FLIPS = 24


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return make_sweep(tmp_path, n_images=40, seeds=2, variants=("magnitude=0.5",), shifts=[SHIFT])


def flipped(path: Path, place: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def predictions(folder: SweepFolder) -> object:
    found = SweepResults(folder)._source.population("magnitude-0.50")
    return [values.tobytes() for values in found.columns.values()]


def one_image(folder: SweepFolder) -> object:
    return SweepResults(folder).runs_on(3).to_csv()


def pictures(folder: SweepFolder) -> object:
    return folder.image_rows([schema.IMAGE]).take([5, 30]).to_pylist()


def labels(folder: SweepFolder) -> object:
    return SweepResults(folder)._source.label.tobytes()


def shifted(folder: SweepFolder) -> object:
    seeds = folder.manifest().seeds
    found = folder.read_population("dense", [schema.PREDICTION], seeds, 40, shift=SHIFT)
    return found.prediction.tobytes()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("predictions/magnitude-0.50/seed-1.parquet", predictions),
        ("predictions/dense/seed-0.parquet", one_image),
        ("images.parquet", pictures),
        ("images.parquet", labels),
        (f"shifts/{SHIFT}/predictions/dense/seed-1.parquet", shifted),
    ],
)
def test_a_flipped_bit_is_never_read_in_silence(
    folder: SweepFolder, name: str, read: Callable[[SweepFolder], object]
) -> None:
    path = Path(f"{folder.path}") / name
    content = path.read_bytes()
    drawn = np.random.default_rng(len(content))
    read(folder)
    for place in drawn.integers(0, len(content), FLIPS).tolist():
        flipped(path, place, int(drawn.integers(8)))
        with pytest.raises(DamageError, match=r"is damaged.*lethe verify made") as told:
            read(folder)
        assert name in str(told.value)
        path.write_bytes(content)
    read(folder)


def test_a_flipped_bit_of_a_kept_table_is_computed_anew_and_told_by_verify(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analysis.results.source._LARGE", 0)
    expected = SweepResults(folder).summary()
    kept = sorted(Path(f"{folder.derived}").rglob("*.parquet"))
    assert kept
    assert folder.verify() == []
    drawn = np.random.default_rng(1)
    for path in kept:
        content = path.read_bytes()
        flipped(path, int(drawn.integers(len(content))), int(drawn.integers(8)))
    told = folder.verify()
    assert len(told) == len(kept)
    assert all("derived/tables/" in one and "recomputed" in one for one in told)
    assert main(["verify", "made", "--cache", f"{folder.path.parent}"]) == 1
    assert "recomputed" in capsys.readouterr().out
    pd.testing.assert_frame_equal(SweepResults(folder).summary(), expected)


def test_a_flipped_bit_of_answers_is_refused_or_passed_over_and_never_a_traceback(
    folder: SweepFolder,
) -> None:
    place = Path(f"{folder.path}") / ANNOTATIONS
    place.mkdir()
    (place / "study-1.jsonl").write_bytes(b'{"design": 1}\n')
    assert load_sweep("made", cache=folder.path.parent).summary() is not None
    with pytest.raises(LetheError):
        folder.annotations.read("study-1")


def test_images_in_another_order_are_no_images_of_the_sweep(folder: SweepFolder) -> None:
    table = folder.read_images()
    folder.write_images(table.take(list(reversed(range(len(table))))))
    listed(folder)  # its SHA-256 is right: whoever wrote it mixed them up
    for read in (labels, pictures):
        with pytest.raises(DamageError, match="image_id are not those of the images in order"):
            read(folder)


def test_large_files_are_hashed_in_the_background_and_that_is_said(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "LARGE", 1)
    go, real = threading.Event(), checking.atomic.sha256

    def slow(path: Path) -> str:
        go.wait()
        return real(path)

    monkeypatch.setattr(checking.atomic, "sha256", slow)
    results = SweepResults(folder)
    expected = results._source.label
    assert results.folder.unhashed() == ["images.parquet"]
    go.set()
    checking.finish()
    assert results.folder.unhashed() == []
    np.testing.assert_array_equal(results._source.label, expected)


def test_damage_of_a_large_file_is_told_once_it_is_known(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checking, "LARGE", 1)
    path = Path(f"{folder.path}") / "images.parquet"
    content = path.read_bytes()
    at = content.index(b"\x89PNG") + 20  # of a picture: no reader of labels meets it
    flipped(path, at, 3)
    cache = f"{folder.path.parent}"
    assert main(["export", "made", "runs", "--cache", cache]) == 3
    assert "images.parquet is damaged" in capsys.readouterr().err
    results = SweepResults(folder)
    with pytest.raises(DamageError, match=r"images\.parquet is damaged"):
        results._source.label  # noqa: B018


def test_each_file_is_hashed_once_a_process(
    folder: SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed, real = [], checking.atomic.sha256
    monkeypatch.setattr(checking.atomic, "sha256", lambda p: hashed.append(f"{p}") or real(p))
    for _ in range(3):
        SweepResults(folder).summary()
    assert len(hashed) == len(set(hashed)) > 4


def test_a_reader_of_a_manifest_that_was_replaced_since_is_told(tmp_path: Path) -> None:
    old = make_sweep(tmp_path, n_images=30, seeds=2, variants=("magnitude=0.5",))
    reader = SweepResults(old)
    reader._source.population("dense")
    make_sweep(tmp_path / "new", n_images=30, seeds=2, variants=("magnitude=0.5",), random_seed=4)
    shutil.rmtree(tmp_path / "made")
    shutil.copytree(tmp_path / "new" / "made", tmp_path / "made")
    with pytest.raises(RunError, match="was rewritten while it was read; open it again"):
        reader._source.population("magnitude-0.50")
    SweepResults(old).summary()


def test_a_reader_goes_on_where_only_columns_of_metadata_came(folder: SweepFolder) -> None:
    reader = SweepResults(folder)
    reader._source.population("dense")
    table = folder.read_images()
    folder.write_images(table.append_column("meta_new", table[schema.PATH]))
    listed(folder)
    assert len(reader._source.label) == 40
    assert "meta_new" in reader.folder.image_columns()


# --- what is kept as JSON -----------------------------------------------------------------------
def bits(content: bytes, random_seed: int) -> list[bytes]:
    """Content with one bit another: each bit of its first line or so, and one of each byte."""
    drawn = np.random.default_rng(random_seed).integers(8, size=len(content)).tolist()
    flips = {(place, bit) for place in range(min(120, len(content))) for bit in range(8)}
    found = []
    for place, bit in sorted(flips | set(enumerate(drawn))):
        one = bytearray(content)
        one[place] ^= 1 << bit
        found.append(bytes(one))
    return found


def same(one: bytes, other: bytes) -> bool:
    """Whether two spell the same content, such as an exponent with a small or a large e."""
    return bool(json.loads(one) == json.loads(other))


def still_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def test_every_flipped_bit_of_a_manifest_is_refused(folder: SweepFolder) -> None:
    whole = (Path(f"{folder.path}") / "manifest.json").read_bytes()
    valid = [one for one in bits(whole, 0) if still_json(one)]
    assert len(valid) > len(whole) / 4
    for one in valid:
        try:
            Manifest.from_json(one.decode(), "there")
        except LetheError:
            continue
        assert same(one, whole)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"paired": false', '"paired": true'),
        ('"class_names"', '"glass_names"'),
        ('"content_sha256"', '"content_sha257"'),
    ],
)
def test_a_changed_manifest_names_the_file_and_what_to_do_in_every_verb(
    folder: SweepFolder, capsys: pytest.CaptureFixture[str], was: str, now: str
) -> None:
    path = Path(f"{folder.path}") / "manifest.json"
    text = path.read_text()
    assert was in text
    path.write_text(text.replace(was, now, 1))
    for words in (["verify", "made"], ["show", "made", "--results"], ["export", "made", "runs"]):
        assert main([*words, "--cache", f"{path.parents[1]}"]) == 3
        said = capsys.readouterr().err
        assert f"{path} is damaged" in said
        assert "take its line 'content_sha256' out and run 'lethe verify " in said
        assert said.endswith(" made'\n")


def test_whoever_edits_a_manifest_takes_the_line_out_and_it_comes_back(folder: SweepFolder) -> None:
    path = Path(f"{folder.path}") / "manifest.json"
    first, seal, *rest = path.read_text().splitlines(keepends=True)
    assert sealing.KEY in seal
    path.write_text(first + "".join(rest).replace('"pairing": ""', '"pairing": "mine"'))
    assert folder.manifest().pairing == "mine"
    assert folder.verify() == []
    folder.write_manifest(folder.manifest())
    assert len(json.loads(path.read_text())[sealing.KEY]) == 64
    assert folder.manifest().pairing == "mine"


def test_other_blanks_and_another_order_of_keys_are_no_damage(folder: SweepFolder) -> None:
    path = Path(f"{folder.path}") / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True, indent=4))
    assert folder.verify() == []


def test_a_manifest_of_before_is_read_and_sealed_when_it_is_next_written(
    folder: SweepFolder,
) -> None:
    path = Path(f"{folder.path}") / "manifest.json"
    path.write_text(json.dumps(by_hand(path) | {"later": {"a": 1.5}}))
    folder.write_manifest(folder.manifest())
    assert json.loads(path.read_text())["later"] == {"a": 1.5}
    flipped(path, path.read_bytes().index(b"1.5"), 1)
    with pytest.raises(DamageError, match="does not match its SHA-256"):
        folder.manifest()


def test_renamed_and_merged_manifests_are_sealed(folder: SweepFolder) -> None:
    cache = Cache(folder.path.parent)
    shutil.copytree(f"{folder.path}", f"{folder.path.parent}/other")
    merge(cache, "made", "other", "both")
    assert main(["rename", "made", "new", "--cache", f"{cache.root}"]) == 0
    for name in ("both", "new"):
        raw = json.loads((Path(f"{cache.root}") / name / "manifest.json").read_text())
        assert (raw["name"], len(raw[sealing.KEY])) == (name, 64)
        assert cache.sweep(name).verify() == []


def test_every_flipped_bit_of_tags_slices_and_views_is_refused(folder: SweepFolder) -> None:
    folder.marks.tag("odd", [1, 2])
    folder.marks.save_slice("mine", [3])
    folder.marks.save_view("v", {"kind": ["x"]})
    path = Path(f"{folder.path}") / "marks" / "marks.json"
    whole, expected = path.read_bytes(), folder.marks.read()
    for one in bits(whole, 1):
        path.write_bytes(one)
        try:
            found = folder.marks.read()
        except DamageError:
            continue
        assert found == expected
    path.write_bytes(whole)
    assert folder.marks.read() == expected


def test_a_flipped_bit_of_a_study_is_no_other_answer(folder: SweepFolder) -> None:
    pies = dict.fromkeys(schema.GROUPS, ()) | {schema.GROUPS[0]: (0, 1)}
    design = Design("magnitude-0.50", "x", 2, 2, 2, 0, "f", "2025-01-01", {0: 0, 1: 0}, pies)
    name = folder.annotations.start(design)
    for image in (0, 1):
        folder.annotations.annotate(name, "Ann", image, schema.KEYS[image], "why")
    whole = (Path(f"{folder.path}") / ANNOTATIONS / f"{name}.jsonl").read_bytes()
    expected = read_study(name, whole, "there")
    answers = expected.answers("Ann")
    assert len(answers) == 2
    for one in bits(whole, 2):
        try:
            found = read_study(name, one, "there")
        except LetheError:
            continue
        assert found.design == expected.design
        assert set(found.raters) <= {"Ann"}
        assert all(answers[image] == said for image, said in found.answers("Ann").items())
        assert len(found.answers("Ann")) == 2 or found.unreadable or not one.endswith(b"\n")


def test_an_answer_that_cannot_be_read_is_said_where_answers_are_exported(
    folder: SweepFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    pies = dict.fromkeys(schema.GROUPS, ()) | {schema.GROUPS[0]: (0, 1)}
    design = Design("magnitude-0.50", "x", 2, 2, 2, 0, "f", "2025-01-01", {0: 0, 1: 0}, pies)
    name = folder.annotations.start(design)
    for image in (0, 1):
        folder.annotations.annotate(name, "Ann", image, schema.KEYS[image], "why")
    path = Path(f"{folder.path}") / ANNOTATIONS / f"{name}.jsonl"
    words = ["export", "made", "annotations", "--cache", f"{folder.path.parent}"]
    assert main(words) == 0
    assert capsys.readouterr().err == ""
    flipped(path, path.read_bytes().index(b"why"), 1)
    assert main(words) == 0
    assert f"damaged: annotations/{name}.jsonl, line 2" in capsys.readouterr().err


@pytest.mark.parametrize("counts", [[], [1] * 4, [1] * 6])
def test_train_images_of_other_classes_are_damage(folder: SweepFolder, counts: list[int]) -> None:
    manifest = folder.manifest()
    assert len(manifest.class_names) == 5
    manifest.dataset.train_counts = counts
    with pytest.raises(DamageError, match=f"train images of {len(counts)} classes"):
        Manifest.from_json(manifest.to_json(), "there/made/manifest.json")
