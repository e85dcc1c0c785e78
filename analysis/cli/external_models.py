"""``sweep --models``: given models instead of training."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from analysis.cli.cache import keep_tables
from analysis.cli.console import ProgressBars
from analysis.config import Training, default_name
from analysis.errors import UserError
from analysis.external.spec import NORMALIZATIONS, ExternalModelsConfig, parse_models, parse_scaling
from analysis.shifts.parse import shifts_from
from analysis.store import Cache
from analysis.store.manifest import Manifest

# Options of given models alone, and their types in a configuration file.
OPTIONS: dict[str, Any] = {
    "models": list, "normalize": str, "mean": list, "std": list, "input_size": int,
}  # fmt: skip
_OF_TRAINING = (
    "model", "variants", "seeds", "methods", "pretrained", "checkpoint", "image_size",
    "calibration_images", *(field.name for field in fields(Training) if field.name != "paired"),
)  # fmt: skip


def add_options(sweep: argparse.ArgumentParser) -> None:
    """Add the options to the parser of ``sweep``."""
    group = sweep.add_argument_group(
        "given models", "instead of training; docs/given.md has examples"
    )
    group.add_argument(
        "--models",
        nargs="+",
        action="extend",
        metavar="VARIANT[@SEED]=MODEL",
        help="a file .onnx or .pt2, timm:NAME[:CHECKPOINT], or module:function, whose code is run; "
        "one variant is dense",
    )
    group.add_argument(
        "--normalize",
        choices=NORMALIZATIONS,
        help="what the models were trained with (default: what a model says itself, else the mean "
        "and standard deviation of the training pixels)",
    )
    group.add_argument("--mean", nargs="+", type=float, metavar="X", help="of pixels from 0 to 1")
    group.add_argument("--std", nargs="+", type=float, metavar="X", help="of pixels from 0 to 1")
    group.add_argument(
        "--input-size", type=int, metavar="PX", help="of models that take images of any size"
    )


def is_asked(given: dict[str, Any]) -> bool:
    """Whether models are given.

    Raises
    ------
    UserError
        They are not, and an option is for given models alone.
    """
    if given.get("models"):
        return True
    stray = next((name for name in OPTIONS if name in given), None)
    if stray is not None:
        raise UserError(f"{_option(stray)} is for given models: it needs --models")
    return False


def asked_from(given: dict[str, Any]) -> ExternalModelsConfig:
    """Read what is asked of given models.

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
            f"{_option(stray)} does not go with --models: given models are not trained{hint}"
        )
    if given.get("device", "auto") not in ("auto", "cpu"):
        raise UserError(f"--device {given['device']}: given models are run on the CPU")
    if given.get("engine", "local") != "local":
        raise UserError(f"--engine {given['engine']}: given models are run on this machine, local")
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
        raise UserError(f"{_option(name)}: expected numbers")
    return values


def _option(name: str) -> str:
    return {"methods": "--method-file"}.get(name, f"--{name.replace('_', '-')}")


def run(given: dict[str, Any], cache: Cache) -> Manifest | None:
    """Run the models; say of each what it takes and gives. None after a dry run."""
    from analysis.sweep.run import run_external_models

    asked, n_workers = asked_from(given), given.get("workers")
    if n_workers is not None and n_workers < 1:
        raise UserError(f"--workers {n_workers}: expected at least 1")
    is_dry = bool(given.get("dry_run"))
    with ProgressBars(sys.stderr) as bars:
        manifest = run_external_models(
            asked,
            cache,
            n_workers=n_workers,
            dry_run=is_dry,
            progress=bars,
            say=lambda line: print(line, flush=True),
        )
        if manifest is not None:
            keep_tables(cache, manifest.name, bars)
    if is_dry:
        print(f"{asked.name}: {len(asked.models)} models can be run; nothing was written")
    return manifest
