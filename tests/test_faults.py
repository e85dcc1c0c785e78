"""Verbs killed, and told errors, at counted steps; files damaged; an error is no absence."""

import errno
import os
import random
from pathlib import Path

import pytest

from analysis.cli.main import main
from analysis.errors import DamageError, RunError
from analysis.filesystem import atomic, folders
from analysis.filesystem.atomic import child_names, sizes
from analysis.store import Cache, publishing
from benchmarks._fault_verbs import VERBS, Verb
from benchmarks._mutants import Damaged, manifest_faults, other_faults
from benchmarks._steps import KILL
from benchmarks.faults import Findings, try_verb
from tests.synthetic import make_sweep

QUICK = [verb for verb in VERBS if verb.name not in ("import", "overwrite", "merge", "report")]
SLOW = [verb for verb in VERBS if verb.name in ("overwrite", "merge")]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")


@pytest.mark.parametrize("verb", QUICK, ids=lambda verb: verb.name)
def test_a_killed_verb_leaves_the_old_or_the_new_and_can_be_done_again(verb: Verb) -> None:
    findings = Findings()
    try_verb(verb, findings, [KILL], every=3)
    assert findings.tried[verb.name]
    assert findings.wrong == []


@pytest.mark.parametrize("verb", SLOW, ids=lambda verb: verb.name)
def test_a_longer_verb_too(verb: Verb) -> None:
    findings = Findings()
    try_verb(verb, findings, [KILL], every=8)
    assert findings.tried[verb.name]
    assert findings.wrong == []


@pytest.mark.parametrize("verb", [v for v in QUICK if v.name in ("join", "rename", "annotate")],
                         ids=lambda verb: verb.name)  # fmt: skip
def test_an_error_at_a_step_is_told_and_changes_nothing_by_half(verb: Verb) -> None:
    findings = Findings()
    try_verb(verb, findings, [errno.EIO], every=12)
    assert findings.tried[verb.name]
    assert findings.wrong == []


def test_a_report_replaces_another_in_one_step(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for content in ("first", "second"):
        with folders.filled(out, own=("page",), last="page") as made:
            (made / "page").write_text(content)
    assert (out / "page").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_across_disks_is_filled_and_put_back_where_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "page").write_text("first")
    (out / "notes").write_text("mine")
    monkeypatch.setattr(folders, "_working_parent", lambda real: real)
    with folders.filled(out, own=("page",), last="page") as made:
        (made / "page").write_text("second")
        (made / "data").write_text("2")
    assert sorted(path.name for path in out.iterdir()) == ["data", "notes", "page"]
    real = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target) == out / "page" and Path(source).read_text() == "third":
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(folders.os, "replace", refuse)

    def fill() -> None:
        with folders.filled(out, own=("page", "data"), last="page") as made:
            (made / "page").write_text("third")
            (made / "data").write_text("3")

    with pytest.raises(RunError, match="could not be written: Input/output error"):
        fill()
    assert (out / "page").read_text() == "second"
    assert (out / "data").read_text() == "2"


def test_files_behind_a_link_to_another_disk_are_copied_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = tmp_path / "sweep"
    (sweep / publishing.FOLDER).mkdir(parents=True)
    (sweep / publishing.FOLDER / "a").write_text("new")
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if publishing.FOLDER in str(source):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(publishing.os, "replace", replace)
    publishing._move(sweep / publishing.FOLDER / "a", sweep / "a")
    assert (sweep / "a").read_text() == "new"
    assert not (sweep / publishing.FOLDER / "a").exists()


def test_a_folder_that_cannot_be_listed_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    assert child_names(tmp_path / "none") == []

    def refuse(_self: Path) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "iterdir", refuse)
    for read in (child_names, sizes, lambda path: Cache(path).names()):
        with pytest.raises(RunError, match="cannot be listed: Stale file handle"):
            read(tmp_path)


def test_what_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_sweep(tmp_path, n_images=20, seeds=1, variants=())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("analysis.store.parquet.pq.read_table", refuse)
    with pytest.raises(RunError, match="cannot be read: Permission denied"):
        folder.read_images()


def test_a_study_is_never_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_sweep(tmp_path, n_images=20, seeds=1, variants=())
    kept = folder.annotations
    (folder.path / "annotations").mkdir()
    (folder.path / "annotations/study-1.jsonl").write_text("theirs")
    monkeypatch.setattr(type(kept), "names", lambda _self: [])  # as it was a moment before
    with kept._locked():
        assert kept._add(b"ours\n") == "study-2"
    assert (folder.path / "annotations/study-1.jsonl").read_text() == "theirs"


def test_a_damaged_sweep_is_named_and_the_others_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_sweep(tmp_path, "good", n_images=20, seeds=1, variants=())
    bad = make_sweep(tmp_path, "bad", n_images=20, seeds=1, variants=())
    (bad.path / "manifest.json").write_text("[" * 5000)
    assert main(["list", "--cache", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("good: 1 of 1 runs")
    assert "bad" in said.err
    for verb in (["show", "bad"], ["verify", "bad"], ["export", "bad", "runs"]):
        assert main([*verb, "--cache", str(tmp_path)]) == 3
        assert "is damaged" in capsys.readouterr().err
    with pytest.raises(DamageError):
        bad.manifest()


def test_labels_beyond_the_classes_are_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_sweep(tmp_path, n_images=20, seeds=2)
    manifest = folder.manifest()
    manifest.class_names = manifest.class_names[:2]
    folder.write_manifest(manifest)
    assert main(["show", "made", "--results", "--cache", str(tmp_path)]) == 3
    assert "the manifest names 2 classes" in capsys.readouterr().err


@pytest.mark.parametrize("faults", [manifest_faults, other_faults])
def test_damaged_files_are_told_in_words(tmp_path: Path, faults) -> None:
    assert list(faults(Damaged(tmp_path), 6, random.Random(3))) == []


@pytest.mark.parametrize(
    "words",
    [("import", "{}", "--name", "new"), ("report", "made", "--out", "{}"),
     ("share", "made", "fiftyone", "--out", "{}")],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_place_of_which_nothing_can_be_told_is_not_called_empty(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    make_sweep(tmp_path / "cache")
    place = tmp_path / "place.csv"
    place.write_text("image_id\n")
    real = os.stat

    def told(path, *arguments, **options):
        if str(path) == str(place):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", told)
    for asked in (atomic.exists, atomic.is_dir, atomic.is_file):
        with pytest.raises(RunError, match="cannot be read: Input/output error"):
            asked(place)
    status = main([word.format(place) for word in words] + ["--cache", str(tmp_path / "cache")])
    said = capsys.readouterr().err
    assert status
    assert os.strerror(errno.EIO) in said
    assert "fault of Lethe" not in said
