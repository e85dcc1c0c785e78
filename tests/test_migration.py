"""A sweep of schema version 1 is read as it is, and rewritten when it is opened for writing."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from analysis import schema
from analysis.cli.main import main
from analysis.errors import CacheError
from analysis.filesystem import atomic
from analysis.results import load_sweep
from analysis.store import Cache, sweep_folder
from analysis.store.manifest import Manifest
from analysis.store.study import Design
from analysis.store.tabular import to_csv
from benchmarks._steps import KILL, Fault, run_child
from tests.synthetic import by_hand

KEPT = Path(__file__).parent / "version_1"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    shutil.copytree(KEPT / "made", tmp_path / "made")
    return tmp_path


def raw(cache: Path) -> dict:
    return json.loads((cache / "made" / "manifest.json").read_text())


# Defined anew since: over which halves, which intervals, and paired tests of paired runs.
REDEFINED = frozenset(
    ("pie_share_half", "n_impacted_p", "pie_excess", "pie_excess_low", "pie_excess_high",
     "dense_top1_on_half_pies", "top1_on_half_pies", "dense_entropy_on_half_pies",
     "intensification", "intensification_dense")
)  # fmt: skip


def columns(text: str) -> dict[str, list[str]]:
    """Cells of a table as they are written, by column; those whose definition is as it was."""
    header, *rows = csv.reader(io.StringIO(text))
    assert set(header) >= REDEFINED
    return {
        name: [row[i] for row in rows] for i, name in enumerate(header) if name not in REDEFINED
    }


def then() -> dict[str, list[str]]:
    """The summary as it was exported then."""
    found = columns((KEPT / "summary.csv").read_text(encoding="utf-8"))
    assert len(found) > 30
    return found


def summary(cache: Path) -> dict[str, list[str]]:
    """Return the summary of today with the columns of then, as it is exported."""
    header = (KEPT / "summary.csv").read_text().partition("\n")[0].strip()
    return columns(to_csv(load_sweep("made", cache=cache).summary()[header.split(",")]))


def test_a_version_1_sweep_is_read_without_being_written(cache: Path) -> None:
    before = (cache / "made" / "manifest.json").read_bytes()
    assert summary(cache) == then()
    assert Cache(cache).existing("made").verify() == []
    assert (cache / "made" / "manifest.json").read_bytes() == before
    assert raw(cache)["schema_version"] == 1


def test_it_is_migrated_when_it_is_opened_for_writing(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("image_id,colour\n0,red\n1,blue\n")
    assert main(["join", "made", str(tmp_path / "more.csv"), "--cache", str(cache)]) == 0
    now = raw(cache)
    assert (now["schema_version"], now["origin"]) == (schema.SCHEMA_VERSION, "trained")
    assert now["config"]["options"]["training"] == {"epochs": 3}
    assert now["left_out"] == [{"file": "a.png", "reason": "cut off", "split": "test"}]
    assert summary(cache) == then()
    assert Cache(cache).existing("made").verify() == []


def test_a_migration_that_is_killed_changes_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (cache / "made" / "manifest.json").read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    folder = Cache(cache).existing("made")
    monkeypatch.setattr(atomic.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt), folder.locked():
        pass
    monkeypatch.undo()
    assert (cache / "made" / "manifest.json").read_bytes() == before
    with folder.locked():
        pass
    assert raw(cache)["schema_version"] == schema.SCHEMA_VERSION
    assert folder.verify() == []


@pytest.mark.parametrize(
    ("config", "origin"),
    [
        ({"models": {"dense@0": {"model": "a.onnx", "sha256": "0", "input": "x"}}}, "external"),
        ({"imported": [{"file": "a.csv", "sha256": "0", "rows": 3}]}, "imported"),
        ({}, "trained"),
    ],
)
def test_where_models_came_from_is_said_by_version_1_too(
    cache: Path, config: dict, origin: str
) -> None:
    text = json.dumps(raw(cache) | {"config": config, "pairing": "given models; runs"})
    manifest = Manifest.from_json(text, "there")
    assert manifest.origin == origin
    assert len(manifest.models) + len(manifest.imported) == len(config)
    assert Manifest.from_json(manifest.to_json(), "there") == manifest


def test_what_a_later_lethe_of_the_same_version_added_survives(cache: Path) -> None:
    folder = Cache(cache).existing("made")
    with folder.locked():
        pass
    content = by_hand(cache / "made" / "manifest.json")
    content["later"] = {"a": [1]}
    content["runs"]["dense"]["0"]["energy"] = 0.5
    (cache / "made" / "manifest.json").write_text(json.dumps(content))
    manifest = folder.manifest()
    manifest.pairing = "changed"
    folder.write_manifest(manifest)
    again = raw(cache)
    assert again["later"] == {"a": [1]}
    assert again["runs"]["dense"]["0"]["energy"] == 0.5
    assert again["pairing"] == "changed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 3}, "schema version 3"),
        ({"schema_version": "2"}, "is damaged"),
        ({"seeds": ["x"]}, r"is damaged.*\$\.seeds"),
        ({"runs": {"../out": {"0": {}}}}, "cannot be the name of a folder"),
        ({"files": {"../../etc/passwd": {"sha256": "", "size": 1}}}, "is not a file of the sweep"),
        ({"runs": {"dense": {"one": {}}}}, "is damaged"),
    ],
)
def test_a_manifest_that_cannot_be_trusted_is_refused_and_stays(
    cache: Path, change: dict, said: str
) -> None:
    path = cache / "made" / "manifest.json"
    path.write_text(json.dumps(raw(cache) | change))
    before = path.read_bytes()
    folder = sweep_folder.SweepFolder(cache / "made")
    with pytest.raises(CacheError, match=said):
        folder.manifest()
    with folder.locked():
        assert path.read_bytes() == before


def with_what_people_keep(cache: Path) -> sweep_folder.SweepFolder:
    """The sweep with answers, a tag and a view; writing them leaves its manifest as it is."""
    before = (cache / "made" / "manifest.json").read_bytes()
    folder = Cache(cache).existing("made")
    variant = next(
        one.variant_id for one in folder.manifest().variants if one.variant_id != "dense"
    )
    pies = dict.fromkeys(schema.GROUPS, ()) | {schema.GROUPS[0]: (0, 1)}
    design = Design(variant, "confidence", 1, 1, 2, 0, "x", "2025-01-01", {0: 0, 1: 0}, pies)
    folder.annotations.start(design)
    folder.annotations.annotate("study-1", "Ann", 0, schema.KEYS[0])
    folder.marks.tag("odd", [1, 2])
    folder.marks.save_view("mine", {"kind": ["x"]})
    assert (cache / "made" / "manifest.json").read_bytes() == before
    return folder


def kept_of(folder: sweep_folder.SweepFolder) -> tuple[object, ...]:
    """Return answers, tags and views as they are read, and the bytes that they were read from."""
    study, marks = folder.annotations.read("study-1"), folder.marks.read()
    files = [p for name in ("annotations", "marks") for p in (folder.path / name).rglob("*.json*")]
    return study, marks.tags, marks.views, {path: path.read_bytes() for path in sorted(files)}


def test_answers_tags_and_views_stay_readable(cache: Path) -> None:
    folder = with_what_people_keep(cache)
    before = kept_of(folder)
    assert len(before[3]) == 2
    with folder.locked():
        pass
    assert raw(cache)["schema_version"] == schema.SCHEMA_VERSION
    assert kept_of(Cache(cache).existing("made")) == before
    assert folder.verify() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
def test_killed_at_any_step_a_migration_leaves_the_old_or_the_new(
    cache: Path,
) -> None:
    folder = with_what_people_keep(cache)
    kept, old = kept_of(folder), (cache / "made" / "manifest.json").read_bytes()
    step, versions = 1, set()

    def migrate() -> int:
        with folder.locked():
            return 0

    while True:
        (cache / "made" / "manifest.json").write_bytes(old)
        outcome = run_child(migrate, cache, Fault(step, KILL))
        versions.add(raw(cache)["schema_version"])
        if raw(cache)["schema_version"] == 1:
            assert (cache / "made" / "manifest.json").read_bytes() == old
        assert kept_of(Cache(cache).existing("made")) == kept
        if outcome.status != -9:
            break
        step += 1
    assert step > 5
    assert versions == {1, schema.SCHEMA_VERSION}
    assert folder.verify() == []
    assert summary(cache) == then()
