"""External models: ``sweep --models`` evaluates them, ``doctor`` checks how they are fed."""

import argparse
import json
import sys
from typing import Any

from analysis.cli.cache import keep_tables
from analysis.cli.console import ProgressBars, tell
from analysis.cli.options import add_options, fields_of, with_config
from analysis.config import Machine, Sweep, Training, default_name
from analysis.errors import UserError
from analysis.external.doctor import Diagnosis
from analysis.external.options import ExternalModelsConfig, FeedingOptions, OutputOptions
from analysis.external.spec import parse_models
from analysis.options import options_of
from analysis.p_values import p_text
from analysis.shifts.parse import shifts_from
from analysis.store import Cache
from analysis.store.manifest import Manifest

_CLASSES = (ExternalModelsConfig, FeedingOptions, OutputOptions)
_OWN = {one.name: one.flag for one in options_of(*_CLASSES)}
# Options of both kinds of sweep.
_SHARED = {"name", "dataset", "train_limit", "test_limit", "paired"}
_OF_TRAINING = {
    one.name: one.flag for one in options_of(Sweep, Training) if one.name not in _SHARED
}


def has_models(options: dict[str, Any]) -> bool:
    """Whether the options name external models.

    Raises
    ------
    UserError
        They do not, and an option is for external models only.
    """
    if options.get("models"):
        return True
    stray = next((name for name in sorted(_OWN) if name in options), None)
    if stray is not None:
        raise UserError(f"--{_OWN[stray]} is for external models: it needs --models")
    return False


def config_from(options: dict[str, Any]) -> ExternalModelsConfig:
    """Build the configuration of external models, and of how they are fed, from options.

    Raises
    ------
    UserError
        An option is missing, is for training only, or cannot be used.
    """
    dataset = options.get("dataset")
    if not dataset:
        raise UserError("--dataset is missing: such as --dataset digits or --dataset folder:DIR")
    stray = next((name for name in _OF_TRAINING if name in options), None)
    if stray is not None:
        hint = "; name the seed with the model: dense@1=net.onnx" if stray == "seeds" else ""
        hint = "; --input-size sets the size of the input" if stray == "image_size" else hint
        raise UserError(
            f"--{_OF_TRAINING[stray]} does not go with --models: external models are not "
            f"trained{hint}"
        )
    device = options.get("device", "auto")
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device}: external models are run on cpu or cuda")
    if options.get("engine", "local") != "local":
        raise UserError(
            f"--engine {options['engine']}: external models are run on this machine, local"
        )
    feeding = fields_of(options, FeedingOptions)
    if "normalize" in feeding:
        feeding["named"] = feeding.pop("normalize")
    for name in ("mean", "std"):
        if name in feeding:
            feeding[name] = _numbers(name, feeding[name])
    return ExternalModelsConfig(
        options.get("name") or default_name(dataset, "models"),
        dataset,
        parse_models(options["models"]),
        FeedingOptions(**feeding),
        OutputOptions(**fields_of(options, OutputOptions)),
        paired=bool(options.get("paired")),
        shifts=shifts_from(options),
        session_options=tuple(options.get("session_option", ())),
        device="cpu" if device == "auto" else device,
        **{
            name: options[name]
            for name in ("split", "max_value", "time_limit", "train_limit", "test_limit")
            if name in options
        },
    )


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    if not all(isinstance(value, int | float) for value in values):
        raise UserError(f"--{name}: expected numbers")
    return tuple(map(float, values))


def run(options: dict[str, Any], cache: Cache) -> Manifest | None:
    """Evaluate the models; print the input and output of each. None after a dry run."""
    from analysis.sweep.run import run_external_models

    config, machine = config_from(options), Machine(**fields_of(options, Machine))
    is_dry = bool(options.get("dry_run"))
    with ProgressBars(sys.stderr) as bars:
        manifest = run_external_models(
            config,
            cache,
            n_workers=machine.workers,
            dry_run=is_dry,
            progress=bars,
            say=_say,
            warn=lambda line: tell(f"lethe: {line}"),
        )
        if manifest is not None:
            keep_tables(cache, manifest.name, bars)
    if is_dry:
        print(f"{config.name}: {len(config.models)} models can be run; nothing was written")
    return manifest


def _say(line: str) -> None:
    print(line, flush=True)


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add ``doctor`` to the parser."""
    doctor = verbs.add_parser(
        "doctor",
        parents=[common],
        help="try likely mistakes of feeding external models, and recommend a better way",
        description="Feed the dense model in every likely other way (normalization, value range, "
        "order of colours, crop, interpolation, layout, output) on the same images, rank them, and "
        "print the options of one that is significantly better than the one in use. The order "
        "of the classes is checked as before a sweep. Nothing is written. Exit status 1 if "
        "another way is better.",
        argument_default=argparse.SUPPRESS,
    )
    doctor.add_argument("--config", metavar="FILE.toml", help="the same options, from a file")
    doctor.add_argument(
        "--format", choices=("text", "json"), help="format of the output (default: text)"
    )
    add_options(doctor, Sweep, *_CLASSES, Machine, only=_OF_DOCTOR)
    doctor.set_defaults(run=run_doctor)


_OF_DOCTOR = {*_OWN, "dataset", "train_limit", "test_limit", "workers", "device"}


def run_doctor(options: argparse.Namespace, _: Cache) -> int:
    """Examine how external models are fed."""
    from analysis.sweep.examine import examine

    values = with_config(vars(options), Sweep, *_CLASSES, Machine)
    if not values.get("models"):
        raise UserError("--models is missing: such as --models dense=net.onnx int8=net-int8.onnx")
    config, machine = config_from(values), Machine(**fields_of(values, Machine))
    is_json = values.get("format") == "json"
    with ProgressBars(sys.stderr) as bars:
        diagnosis, order = examine(
            config,
            n_workers=machine.workers,
            progress=bars,
            say=(lambda line: None) if is_json else _say,
            warn=lambda line: tell(f"lethe: {line}"),
        )
    is_wrong = diagnosis.advice is not None or order.is_wrong
    if is_json:
        print(json.dumps(_as_json(diagnosis, order.sentence, order.names), indent=2))
        return int(is_wrong)
    print(_table(diagnosis))
    print(diagnosis.sentence)
    print(f"{diagnosis.label}: {order.sentence}")
    if order.names is not None:
        print(f"A --classes file with these lines corrects it:\n{order.listing()}")
    if diagnosis.advice is not None:
        print(f"Give: {diagnosis.advice.typed}")
    return int(is_wrong)


def _as_json(diagnosis: Diagnosis, order: str, names: tuple[str, ...] | None) -> dict[str, Any]:
    def row(one: Any) -> dict[str, Any]:
        return {
            "options": list(one.words), "right": one.right, "n": one.n, "gained": one.gained,
            "lost": one.lost, "p": one.p,
        }  # fmt: skip

    return {
        "model": diagnosis.label,
        "in_use": row(diagnosis.in_use),
        "others": [row(one) for one in diagnosis.others],
        "n_tried": diagnosis.n_tried,
        "advice": None if diagnosis.advice is None else list(diagnosis.advice.words),
        "order": order,
        "classes": None if names is None else list(names),
    }


def _table(diagnosis: Diagnosis) -> str:
    lines = [f"{'right':>8}  {'gained':>6}  {'lost':>6}  {'p':>8}  feeding"]
    for one in (diagnosis.in_use, *diagnosis.others):
        words = one.typed or "as in use"
        p = p_text(one.p).removeprefix("p ").removeprefix("= ") if one.words else ""
        gained, lost = (f"{one.gained}", f"{one.lost}") if one.words else ("", "")
        lines.append(f"{100 * one.top1:>7.1f}%  {gained:>6}  {lost:>6}  {p:>8}  {words}")
    return "\n".join(lines)
