"""``sweep --models``: external models instead of training; ``doctor``: how they are fed."""

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
        raise UserError(f"--{_OWN[stray]} is for external models: it needs --models")
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
    device = given.get("device", "auto")
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device}: external models are run on cpu or cuda")
    if given.get("engine", "local") != "local":
        raise UserError(
            f"--engine {given['engine']}: external models are run on this machine, local"
        )
    feeding = fields_of(given, FeedingOptions)
    if "normalize" in feeding:
        feeding["named"] = feeding.pop("normalize")
    for name in ("mean", "std"):
        if name in feeding:
            feeding[name] = _numbers(name, feeding[name])
    return ExternalModelsConfig(
        given.get("name") or default_name(dataset, "models"),
        dataset,
        parse_models(given["models"]),
        FeedingOptions(**feeding),
        OutputOptions(**fields_of(given, OutputOptions)),
        paired=bool(given.get("paired")),
        shifts=shifts_from(given),
        session_options=tuple(given.get("session_option", ())),
        device="cpu" if device == "auto" else device,
        **{
            name: given[name]
            for name in ("split", "max_value", "time_limit", "train_limit", "test_limit")
            if name in given
        },
    )


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    if not all(isinstance(value, int | float) for value in values):
        raise UserError(f"--{name}: expected numbers")
    return tuple(map(float, values))


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
            say=_say,
            warn=lambda line: tell(f"lethe: {line}"),
        )
        if manifest is not None:
            keep_tables(cache, manifest.name, bars)
    if is_dry:
        print(f"{asked.name}: {len(asked.models)} models can be run; nothing was written")
    return manifest


def _say(line: str) -> None:
    print(line, flush=True)


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add ``doctor`` to the parser."""
    doctor = verbs.add_parser(
        "doctor",
        parents=[common],
        help="try the likely mistakes of feeding external models, and name a better way",
        description="Feed the dense model in every likely other way (normalization, value range, "
        "order of colours, crop, interpolation, layout, output) on the same images, rank them, and "
        "say which is significantly better than the one in use, as the options to type. The order "
        "of the classes is checked as before a sweep. Nothing is written. Exit status 1 where "
        "another way is better.",
        argument_default=argparse.SUPPRESS,
    )
    doctor.add_argument("--config", metavar="FILE.toml", help="the same options, from a file")
    doctor.add_argument(
        "--format", choices=("text", "json"), help="of what is printed (default: text)"
    )
    add_options(doctor, Sweep, *_CLASSES, Machine, only=_OF_DOCTOR)
    doctor.set_defaults(run=run_doctor)


_OF_DOCTOR = {*_OWN, "dataset", "train_limit", "test_limit", "workers", "device"}


def run_doctor(options: argparse.Namespace, _: Cache) -> int:
    """Examine how external models are fed."""
    from analysis.sweep.examine import examine

    given = with_config(vars(options), Sweep, *_CLASSES, Machine)
    if not given.get("models"):
        raise UserError("--models is missing: such as --models dense=net.onnx int8=net-int8.onnx")
    asked, machine = asked_from(given), Machine(**fields_of(given, Machine))
    is_json = given.get("format") == "json"
    with ProgressBars(sys.stderr) as bars:
        found, order = examine(
            asked,
            n_workers=machine.workers,
            progress=bars,
            say=(lambda line: None) if is_json else _say,
            warn=lambda line: tell(f"lethe: {line}"),
        )
    is_wrong = found.advice is not None or order.is_wrong
    if is_json:
        print(json.dumps(_as_json(found, order.sentence, order.names), indent=2))
        return int(is_wrong)
    print(_table(found))
    print(found.sentence)
    print(f"{found.label}: {order.sentence}")
    if order.names is not None:
        print(f"A --classes file with these lines mends it:\n{order.listing()}")
    if found.advice is not None:
        print(f"Give: {found.advice.typed}")
    return int(is_wrong)


def _as_json(found: Diagnosis, order: str, names: tuple[str, ...] | None) -> dict[str, Any]:
    def row(one: Any) -> dict[str, Any]:
        return {
            "options": list(one.words), "right": one.right, "n": one.n, "gained": one.gained,
            "lost": one.lost, "p": one.p,
        }  # fmt: skip

    return {
        "model": found.label,
        "in_use": row(found.in_use),
        "others": [row(one) for one in found.others],
        "n_tried": found.n_tried,
        "advice": None if found.advice is None else list(found.advice.words),
        "order": order,
        "classes": None if names is None else list(names),
    }


def _table(found: Diagnosis) -> str:
    lines = [f"{'right':>8}  {'gained':>6}  {'lost':>6}  {'p':>8}  feeding"]
    for one in (found.in_use, *found.others):
        words = one.typed or "as in use"
        p = p_text(one.p).removeprefix("p ").removeprefix("= ") if one.words else ""
        gained, lost = (f"{one.gained}", f"{one.lost}") if one.words else ("", "")
        lines.append(f"{100 * one.top1:>7.1f}%  {gained:>6}  {lost:>6}  {p:>8}  {words}")
    return "\n".join(lines)
