"""``sweep --models``: external models instead of training."""

import sys
from collections.abc import Sequence
from typing import Any

from analysis.cli.cache import keep_tables
from analysis.cli.console import ProgressBars
from analysis.cli.options import fields_of
from analysis.config import Machine, Sweep, Training, default_name
from analysis.errors import UserError
from analysis.external.spec import ExternalModelsConfig, Scaling, parse_models, parse_scaling
from analysis.options import options_of
from analysis.shifts.parse import shifts_from
from analysis.store import Cache
from analysis.store.manifest import Manifest

_OWN = {one.name for one in options_of(ExternalModelsConfig, Scaling)}
# Options that sweeps of either kind take.
_SHARED = {"name", "dataset", "train_limit", "test_limit", "paired"}
_OF_TRAINING = {
    one.name: one.flag for one in options_of(Sweep, Training) if one.name not in _SHARED
}


def is_asked(given: dict[str, Any]) -> bool:
    """Whether external models are given.

    Raises
    ------
    UserError
        They are not, and an option is for external models alone.
    """
    if given.get("models"):
        return True
    stray = next((name for name in sorted(_OWN) if name in given), None)
    if stray is not None:
        raise UserError(f"--{stray.replace('_', '-')} is for external models: it needs --models")
    return False


def asked_from(given: dict[str, Any]) -> ExternalModelsConfig:
    """Read which external models are asked for, and how they are fed.

    Raises
    ------
    UserError
        An option is missing, is one of training, or cannot be used.
    """
    dataset = given.get("dataset")
    if not dataset:
        raise UserError("--dataset is missing: such as --dataset digits or --dataset folder:DIR")
    stray = next((name for name in _OF_TRAINING if name in given), None)
    if stray is not None:
        hint = (
            "; the seed of a model is named with it: dense@1=net.onnx" if stray == "seeds" else ""
        )
        hint = "; --input-size says the size of the input" if stray == "image_size" else hint
        raise UserError(
            f"--{_OF_TRAINING[stray]} does not go with --models: external models are not "
            f"trained{hint}"
        )
    if given.get("device", "auto") not in ("auto", "cpu"):
        raise UserError(f"--device {given['device']}: external models are run on the CPU")
    if given.get("engine", "local") != "local":
        raise UserError(
            f"--engine {given['engine']}: external models are run on this machine, local"
        )
    scaling = parse_scaling(given.get("normalize"), _numbers(given, "mean"), _numbers(given, "std"))
    return ExternalModelsConfig(
        given.get("name") or default_name(dataset, "models"),
        dataset,
        parse_models(given["models"]),
        scaling,
        paired=bool(given.get("paired")),
        shifts=shifts_from(given),
        **{
            name: given[name]
            for name in ("input_size", "train_limit", "test_limit")
            if name in given
        },
    )


def _numbers(given: dict[str, Any], name: str) -> Sequence[float] | None:
    values = given.get(name)
    if values is not None and not all(isinstance(value, int | float) for value in values):
        raise UserError(f"--{name}: expected numbers")
    return values


def run(given: dict[str, Any], cache: Cache) -> Manifest | None:
    """Run the models; say of each what it takes and gives. None after a dry run."""
    from analysis.sweep.run import run_external_models

    asked, machine = asked_from(given), Machine(**fields_of(given, Machine))
    is_dry = bool(given.get("dry_run"))
    with ProgressBars(sys.stderr) as bars:
        manifest = run_external_models(
            asked,
            cache,
            n_workers=machine.workers,
            dry_run=is_dry,
            progress=bars,
            say=lambda line: print(line, flush=True),
        )
        if manifest is not None:
            keep_tables(cache, manifest.name, bars)
    if is_dry:
        print(f"{asked.name}: {len(asked.models)} models can be run; nothing was written")
    return manifest
