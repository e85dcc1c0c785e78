"""The command of a sweep, written from its manifest, makes the same sweep again."""

import shlex
from dataclasses import replace

import pytest

from analysis.cli.main import build_parser
from analysis.cli.sweep import sweep_from
from analysis.config import Sweep, Training, parse_variants
from analysis.store.manifest import DatasetRecord, Manifest
from analysis.sweep.command import sweep_command
from analysis.sweep.plan import demo_sweep, requested_variants
from analysis.sweep.trained import describe_sweep

ODD = Sweep(
    name="odd",
    dataset="folder:my pictures/a'b",
    model="resnet18",
    variants=parse_variants(["magnitude=0.995,0.9+int8-static", "semi-structured", "float16"]),
    seeds=3,
    training=Training(epochs=7, lr=0.05, paired=True, weight_decay=0.0),
    image_size=64,
    test_limit=500,
    calibration_images=32,
)


def described(sweep: Sweep) -> Manifest:
    manifest = Manifest(
        name=sweep.name, dataset=DatasetRecord(), dataset_fingerprint="", class_names=["a", "b"]
    )
    describe_sweep(manifest, sweep)
    return manifest


@pytest.mark.parametrize("sweep", [demo_sweep(), ODD, replace(ODD, pretrained=True)])
def test_a_command_makes_the_sweep_it_is_of(sweep: Sweep) -> None:
    manifest = described(sweep)
    words = shlex.split(sweep_command(manifest, "--corruptions", "fog"))
    assert words[:3] == ["python", "-m", "analysis"]
    again = sweep_from(vars(build_parser().parse_args(words[3:])))
    assert again.options() == sweep.options()
    assert (again.name, again.seeds) == (sweep.name, sweep.seeds)
    assert requested_variants(again) == requested_variants(sweep)
    assert [shift.name for shift in again.shifts] == ["fog-3"]


def test_options_at_their_default_are_left_out() -> None:
    sweep = demo_sweep()
    command = sweep_command(described(sweep))
    assert command.startswith("python -m analysis sweep --name demo --dataset digits-longtail")
    assert command.endswith("--variants int8-dynamic --seeds 10 --epochs 50")
