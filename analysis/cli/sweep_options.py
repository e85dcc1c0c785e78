"""The options of ``sweep``, from the command line and from a file, as a sweep."""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from analysis.cli.given_models import OPTIONS
from analysis.config import Sweep, Training, default_name, parse_variants
from analysis.errors import UserError
from analysis.shifts.parse import shifts_from

_SWEEP_OPTIONS = ("image_size", "train_limit", "test_limit", "calibration_images")
_WEIGHT_OPTIONS: dict[str, type] = {"pretrained": bool, "checkpoint": str}


def sweep_from(given: dict[str, Any]) -> Sweep:
    """Build a sweep from options, those left out at their defaults.

    Raises
    ------
    UserError
        The dataset is missing or a value is out of range.
    """
    dataset = given.get("dataset")
    if not dataset:
        raise UserError("--dataset is missing: such as --dataset digits or --dataset folder:DIR")
    model = given.get("model", "tiny_cnn")
    training = {f.name: given[f.name] for f in fields(Training) if f.name in given}
    seeds = given.get("seeds", 10)
    if training.get("schedule") == "oneshot" and (given.get("pretrained") or "checkpoint" in given):
        # One given model, not trained on unless that is asked: one dense run.
        training.setdefault("epochs", 0)
        seeds = given.get("seeds", 10 if training["epochs"] else 1)
    return Sweep(
        name=given.get("name") or default_name(dataset, model),
        dataset=dataset,
        model=model,
        variants=parse_variants(given.get("variants", [])),
        seeds=seeds,
        training=Training(**training),
        method_files=tuple(given.get("methods", ())),
        shifts=shifts_from(given),
        **{name: given[name] for name in (*_SWEEP_OPTIONS, *_WEIGHT_OPTIONS) if name in given},
    )


def with_config(given: dict[str, Any]) -> dict[str, Any]:
    """Options of the configuration file, those of the command line over them.

    Raises
    ------
    UserError
        The file cannot be read, or has an option that is unknown or of the wrong type.
    """
    if "config" not in given:
        return given
    path = Path(given["config"])
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--config {path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"--config {path} cannot be read: {error}") from None
    options = {key.replace("-", "_"): value for key, value in read.items()}
    _check_types(options, path)
    return options | given


def _check_types(options: dict[str, Any], path: Path) -> None:
    defaults = {f.name: getattr(Training(), f.name) for f in fields(Training)}
    kinds: dict[str, type | tuple[type, ...]] = {
        name: (int, float) if isinstance(value, float) else type(value)
        for name, value in defaults.items()
    }
    kinds |= dict.fromkeys(("dataset", "model", "name"), str) | {"seeds": int, "variants": list}
    kinds |= dict.fromkeys(_SWEEP_OPTIONS, int) | _WEIGHT_OPTIONS | {"methods": list}
    kinds |= OPTIONS | {"paired": bool}
    kinds |= {"corruptions": list, "shift": list}
    kinds |= {"device": str, "workers": int, "engine": str, "scheduler": str}
    for key, value in options.items():
        if key not in kinds:
            raise UserError(f"--config {path}: unknown option '{key}'; see 'sweep --help'")
        items = (int, float) if key in ("mean", "std") else str
        strings = not isinstance(value, list) or all(isinstance(item, items) for item in value)
        if not isinstance(value, kinds[key]) or not strings:
            raise UserError(f"--config {path}: '{key}' has the wrong type ({value!r})")
