"""Seeds that are added once results could be seen are noted; what is no look is not."""

import json
import shutil
from pathlib import Path

import pytest

from analysis.cli.main import main
from analysis.config import Training, corruption_shift, parse_variants
from analysis.presentation.evaluated import looks_sentence
from analysis.store import Cache
from analysis.store.looks import note_look, seeds_seen
from analysis.store.manifest import DatasetRecord, Manifest, VariantRecord
from analysis.store.records import Look
from analysis.sweep.merge import merge
from analysis.sweep.run import run_sweep
from tests.conftest import small_sweep
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.importing.drawn import imported, table, write
from tests.synthetic import by_hand, make_sweep


def _manifest(variants: str, n_seeds: int, *, planned: str = "", failed: str = "") -> Manifest:
    manifest = Manifest("one", DatasetRecord(), "", ["a", "b"], created="begun")
    _extend(manifest, variants, n_seeds)
    for variant_id, seed, run in manifest.all_runs():
        is_planned = f"{variant_id}{seed}" in planned.split()
        is_failed = f"{variant_id}{seed}" in failed.split()
        run.state = "planned" if is_planned else "failed" if is_failed else "done"
    return manifest


def _extend(manifest: Manifest, variants: str, n_seeds: int) -> None:
    known = {one.variant_id for one in manifest.variants}
    manifest.variants += [VariantRecord(v, v, None) for v in variants.split() if v not in known]
    manifest.seeds = sorted({*manifest.seeds, *range(n_seeds)})


def _looks(manifest: Manifest, variants: str, n_seeds: int) -> list[int]:
    seen = seeds_seen(manifest)
    _extend(manifest, variants, n_seeds)
    note_look(manifest, seen)
    assert manifest.n_looks == max(1, len(manifest.looks))
    return [look.seeds for look in manifest.looks]


def test_more_seeds_of_a_complete_sweep_are_a_look_and_more_variants_are_none() -> None:
    assert _looks(_manifest("dense m", 5), "dense m", 10) == [5, 10]
    assert _looks(_manifest("dense m", 5), "dense m n", 10) == [5, 10]
    assert _looks(_manifest("dense", 5), "dense m", 10) == [5, 10]
    for variants, n_seeds in (("dense m", 5), ("dense m n", 5), ("dense m", 3)):
        assert _looks(_manifest("dense m", 5), variants, n_seeds) == []


def test_a_new_sweep_is_one_look() -> None:
    manifest = Manifest("one", DatasetRecord(), "", ["a", "b"])
    assert _looks(manifest, "dense m", 10) == []
    assert manifest.n_looks == 1
    assert looks_sentence(manifest) == ""


@pytest.mark.parametrize("planned", ["dense4", "m4", "dense4 m4"])
def test_a_sweep_that_was_cut_off_may_be_planned_anew(planned: str) -> None:
    assert _looks(_manifest("dense m", 5, planned=planned), "dense m", 5) == []
    assert _looks(_manifest("dense m", 5, planned=planned), "dense m", 10) == []


def test_runs_that_failed_have_ended() -> None:
    assert _looks(_manifest("dense m", 5, failed="m4"), "dense m", 10) == [5, 10]


def test_a_variant_that_is_whole_could_be_seen_while_another_is_made() -> None:
    assert _looks(_manifest("dense m n", 5, planned="n4"), "dense m n", 10) == [5, 10]


def test_a_look_that_was_cut_off_is_the_same_look_when_it_is_resumed() -> None:
    manifest = _manifest("dense m", 5)
    assert _looks(manifest, "dense m", 10) == [5, 10]
    began = manifest.looks[-1].time
    assert manifest.looks[0].time == "begun"
    assert _looks(manifest, "dense m", 10) == [5, 10]
    assert _looks(manifest, "dense m", 12) == [5, 12]  # none of its results was whole yet
    assert manifest.looks[-1].time == began
    for _, _, run in manifest.all_runs():
        run.state = "done"
    assert _looks(manifest, "dense m", 12) == [5, 12]
    assert _looks(manifest, "dense m", 20) == [5, 12, 20]
    assert manifest.n_looks == 3


def test_a_real_sweep_notes_a_look_when_seeds_are_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = Training(epochs=1)
    cache = Cache(tmp_path)

    def made(n_seeds: int, *variants: str, **more: object) -> Manifest:
        sweep = small_sweep(
            training=options, seeds=n_seeds, variants=parse_variants(variants), train_limit=100,
            test_limit=50, **more,
        )  # fmt: skip
        return run_sweep(sweep, cache, n_workers=1, device="cpu")

    assert made(1, "magnitude=0.5").looks == []
    assert made(1, "magnitude=0.5").looks == []
    assert made(1, "magnitude=0.5,0.9").looks == []
    assert made(1, shifts=(corruption_shift("fog", 1),)).looks == []
    manifest = made(2, "magnitude=0.5,0.9")
    assert [look.seeds for look in manifest.looks] == [1, 2]
    assert manifest.looks[0].time == manifest.created
    assert cache.sweep("small").manifest().n_looks == 2
    assert made(2, "magnitude=0.5,0.9").n_looks == 2
    capsys.readouterr()
    assert main(["show", "small", "--cache", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"looks: {looks_sentence(manifest)}\n" in said


def test_the_sentence_names_the_plan_and_every_look(tmp_path: Path, open_page) -> None:  # noqa: F811
    folder = make_sweep(tmp_path, "made", seeds=2)
    manifest = folder.manifest()
    manifest.looks = [Look(1, "monday"), Look(2, "tuesday"), Look(3, "friday")]
    folder.write_manifest(manifest)
    assert looks_sentence(manifest) == (
        "3: 1 seed planned (monday); extended once results could be seen, to 2 seeds (tuesday), "
        "then 3 seeds (friday)"
    )
    said = " ".join(one.value for one in open_page().json)
    assert "2 seeds (tuesday)" in said


def test_an_import_that_adds_seeds_is_a_look(tmp_path: Path) -> None:
    frame, cache = table(), tmp_path / "cache"
    first = frame["seed"] == frame["seed"].min()
    dense = frame["variant_id"] == "dense"
    parts = [first & dense, first & ~dense, ~first]
    found = [
        imported(cache, write(frame[part], tmp_path / f"{i}.csv")).manifest()
        for i, part in enumerate(parts)
    ]
    assert [one.n_looks for one in found] == [1, 1, 2]
    assert [look.seeds for look in found[-1].looks] == [1, frame["seed"].nunique()]


def test_an_older_manifest_has_one_look_and_merge_keeps_the_longer_list(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, "left", seeds=2)
    raw = by_hand(Path(f"{folder.path}") / "manifest.json")
    del raw["looks"]
    assert Manifest.from_json(json.dumps(raw), "it").n_looks == 1
    shutil.copytree(folder.path, tmp_path / "right")
    cache = Cache(tmp_path)
    manifest = cache.sweep("right").manifest()
    manifest.name, manifest.looks = "right", [Look(1, "monday"), Look(2, "tuesday")]
    cache.sweep("right").write_manifest(manifest)
    assert merge(cache, "left", "right", "both").n_looks == 2
