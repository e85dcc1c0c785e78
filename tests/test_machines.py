"""Which machines runs were made on: recorded, told, kept by merge, and unknown where it is old."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from analysis.cli.main import main
from analysis.config import Training, parse_variants
from analysis.presentation.evaluated import machine_notes, machine_sentences, note_sentences
from analysis.store import Cache, SweepFolder
from analysis.store.machines import machine_of, place_of, runs_by_machine
from analysis.store.manifest import Manifest
from analysis.store.records import MachineRecord
from analysis.sweep.run import run_sweep
from analysis.training.machine import cpu_name, this_machine
from benchmarks._inline import inline_pool
from tests.conftest import prediction_digests, small_sweep
from tests.dashboard.test_pages import open_page  # noqa: F401
from tests.synthetic import by_hand, listed, make_sweep

ROOT = Path(__file__).parent.parent
NEW = MachineRecord("a processor", "AVX512", "2.13.0")
OLD = MachineRecord("another <b>processor</b>", "AVX2", "2.13.0")


def _made_on(folder: SweepFolder, of_seed: dict[int, MachineRecord | None]) -> Manifest:
    manifest = folder.manifest()
    for _, seed, run in manifest.all_runs():
        run.machine = place_of(manifest, of_seed[seed])
    folder.write_manifest(manifest)
    return manifest


def test_every_run_says_what_it_was_made_on(swept: SweepFolder) -> None:
    manifest = swept.manifest()
    assert [machine_of(manifest, run) for _, _, run in manifest.all_runs()] == 8 * [
        this_machine("cpu")
    ]
    assert manifest.machines == [this_machine("cpu")]
    assert machine_notes(manifest) == []
    (said,) = machine_sentences(manifest)
    assert said == f"8 runs: {this_machine('cpu')}"
    assert f"torch {torch.__version__}" in said


def test_the_processor_is_named_by_its_name_family_and_model(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(
        "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Some CPU\n\n"
        "processor\t: 1\nmodel name\t: Other\n"
    )
    assert cpu_name(path) == "Some CPU (family 6, model 207)"
    path.write_text("BogoMIPS : 50\n")
    assert cpu_name(path)
    assert cpu_name(tmp_path / "none") == cpu_name(path)


def test_a_device_that_is_not_the_cpu_is_part_of_the_machine() -> None:
    assert this_machine("cpu").gpu is None
    assert this_machine("mps").gpu == "mps"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
        assert this_machine.__wrapped__("cuda").gpu == "Some GPU"
    assert f"{MachineRecord('a', 'AVX2', '2', 'H100')}" == "H100, AVX2 of a, torch 2"


def test_runs_of_an_older_manifest_were_made_nobody_knows_where(tmp_path: Path) -> None:
    folder = make_sweep(tmp_path, "old", seeds=2)
    raw = by_hand(Path(f"{folder.path}") / "manifest.json")
    del raw["machines"]
    for runs in raw["runs"].values():
        for run in runs.values():
            del run["machine"]
    manifest = Manifest.from_json(json.dumps(raw), "it")
    assert runs_by_machine(manifest) == {}
    assert machine_notes(manifest) == []


def test_a_place_that_is_not_in_the_list_is_unknown(tmp_path: Path) -> None:
    manifest = make_sweep(tmp_path, "one", seeds=1).manifest()
    for place in (-1, 3):
        manifest.run("dense", 0).machine = place
        assert machine_of(manifest, manifest.run("dense", 0)) is None


def test_a_sweep_of_two_kinds_of_machine_is_told_so_everywhere(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    open_page,  # noqa: F811
) -> None:
    folder = make_sweep(tmp_path, "mixed", seeds=3)
    n = len(folder.manifest().variants)
    manifest = _made_on(folder, {0: NEW, 1: OLD, 2: NEW})
    (note,) = machine_notes(manifest)
    assert f"2 kinds of machine ({2 * n} runs: AVX512 of a processor, torch 2.13.0;" in note
    assert "a seed is nearly a new one" in note
    assert note in note_sentences(manifest)
    assert main(["show", "mixed", "--cache", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"note: {note}\n" in said
    assert f"machine: {n} runs: AVX2 of another <b>processor</b>, torch 2.13.0\n" in said
    assert any("2 kinds of machine" in one.value for one in open_page().warning)


def test_merge_keeps_what_each_run_was_made_on_and_warns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_sweep(tmp_path, "whole", variants=("magnitude=0.5",), seeds=2)
    cache = Cache(tmp_path)
    for name, lacks, machine in (("left", "magnitude-0.50", OLD), ("right", None, NEW)):
        shutil.copytree(whole.path, tmp_path / name)
        folder = cache.sweep(name)
        manifest = folder.manifest()
        manifest.name = name
        if lacks:
            shutil.rmtree(folder.path / "predictions" / lacks)
            manifest.variants = [v for v in manifest.variants if v.variant_id != lacks]
            del manifest.runs[lacks]
            manifest.files = {p: f for p, f in manifest.files.items() if lacks not in p}
        folder.write_manifest(manifest)
        _made_on(folder, dict.fromkeys(range(2), machine))
    assert main(["merge", "left", "right", "--name", "both", "--cache", str(tmp_path)]) == 0
    both = cache.sweep("both").manifest()
    assert runs_by_machine(both) == {OLD: 2, NEW: 2}
    assert machine_of(both, both.run("magnitude-0.50", 1)) == NEW
    assert machine_of(both, both.run("dense", 1)) == OLD
    error = capsys.readouterr().err
    assert error.startswith("warning: both: the runs were made on 2 kinds of machine")
    assert machine_of(cache.sweep("right").manifest(), both.run("dense", 0)) is not None
    manifest = cache.sweep("left").manifest()
    manifest.files["predictions/dense/seed-0.parquet"].sha256 = "0" * 64
    cache.sweep("left").write_manifest(manifest)
    assert main(["merge", "left", "right", "--name", "other", "--cache", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"they differ; the first was made on {OLD}, the second on {NEW}" in error
    listed(cache.sweep("left"))
    assert main(["merge", "left", "left", "--name", "same", "--cache", str(tmp_path)]) == 0
    assert "kinds of machine" not in capsys.readouterr().err


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="has one instruction set"
)
def test_a_sweep_extended_with_another_instruction_set_says_so_at_its_end(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "analysis", "sweep", "--dataset", "digits", "--name", "one",
             "--epochs", "1", "--train-limit", "100", "--test-limit", "50", "--device", "cpu",
             "--workers", "1", "--cache", str(tmp_path)]  # fmt: skip

    def made(n_seeds: int, **environment: str) -> str:
        return subprocess.run(
            [*words, "--seeds", str(n_seeds)], cwd=ROOT, env=os.environ | environment,
            capture_output=True, text=True, timeout=200, check=True,
        ).stdout  # fmt: skip

    assert "kinds of machine" not in made(1)
    assert "one: the runs were made on 2 kinds of machine" in made(2, ATEN_CPU_CAPABILITY="default")
    manifest = Cache(tmp_path).sweep("one").manifest()
    capabilities = [
        machine.capability
        for _, _, run in manifest.all_runs()
        if (machine := machine_of(manifest, run)) is not None
    ]
    assert capabilities == [torch.backends.cpu.get_cpu_capability(), "DEFAULT"]


def test_paired_runs_on_another_machine_than_dense_train_their_first_phase_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options = Training(epochs=2, paired=True, prune_begin=0.5, prune_every=2)
    sweep = small_sweep(
        training=options, variants=parse_variants(["magnitude=0.9"]), seeds=1, train_limit=200
    )

    def made(place: str, *machines: MachineRecord) -> SweepFolder:
        left = list(machines)
        monkeypatch.setattr("analysis.sweep.tasks.pool", inline_pool)
        monkeypatch.setattr("analysis.training.run.this_machine", lambda _: left.pop(0))
        run_sweep(sweep, Cache(tmp_path / place), n_workers=1, device="cpu")
        assert left == []
        return Cache(tmp_path / place).sweep("small")

    alike = made("alike", NEW, NEW)
    assert caplog.messages == []
    mixed = made("mixed", NEW, OLD)
    (said,) = caplog.messages
    assert "seed-0.safetensors: the first phase was trained on another machine" in said
    assert prediction_digests(alike) == prediction_digests(mixed)  # both are really this machine
