"""The options of ``sweep``, from the command line and from a file, as a sweep.

``demo`` and ``sweep``.
"""

import argparse
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

from analysis.cli import external_models
from analysis.cli.cache import keep_tables, tell_pairing
from analysis.cli.console import ProgressBars, tell
from analysis.cli.external_models import OPTIONS
from analysis.config import SCHEDULES, Sweep, Training, default_name, parse_variants
from analysis.errors import UserError
from analysis.shifts.parse import shifts_from
from analysis.store import Cache
from analysis.store.manifest import Manifest

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


_DEFAULTS = Training()
_MACHINE: dict[str, Any] = {
    "device": "auto",
    "workers": None,
    "engine": "local",
    "scheduler": None,
}


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the parser."""
    demo = verbs.add_parser(
        "demo",
        parents=[common],
        help="make the sweep 'demo': 80 runs on handwritten digits, about a minute on two cores",
    )
    _add_machine(demo)
    demo.set_defaults(run=run_demo)

    sweep = verbs.add_parser(
        "sweep",
        parents=[common],
        help="compress a population of models and keep every prediction",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    sweep.add_argument("--dataset", metavar="SPEC", help="such as digits or folder:DIR")
    sweep.add_argument("--model", metavar="NAME", help="tiny_cnn or any timm name")
    sweep.add_argument(
        "--variants",
        action="append",
        metavar="METHOD[=LEVEL,LEVEL]",
        help="repeatable; A=0.9+B combines; dense is always included",
    )
    sweep.add_argument("--seeds", type=int, metavar="K", help="runs a variant (default: 10)")
    sweep.add_argument("--name", help="name of the sweep (default: after dataset and model)")
    sweep.add_argument("--config", metavar="FILE.toml", help="the same options, from a file")
    sweep.add_argument("--dry-run", action="store_true", help="say what would be done, and stop")
    sweep.add_argument(
        "--method-file",
        action="append",
        dest="methods",
        metavar="FILE.py",
        help="repeatable; registers methods of your own (docs/methods.md)",
    )
    external_models.add_options(sweep)
    weights = sweep.add_argument_group("first weights")
    weights.add_argument(
        "--pretrained", action="store_true", help="start from timm's own weights of the model"
    )
    weights.add_argument(
        "--checkpoint", metavar="PATH", help="start from these: safetensors, or a state dict"
    )
    data = sweep.add_argument_group("data")
    data.add_argument("--train-limit", type=int, metavar="N", help="train images, stratified")
    data.add_argument("--test-limit", type=int, metavar="N", help="test images, stratified")
    data.add_argument("--image-size", type=int, metavar="PX", help="input size of the model")
    data.add_argument(
        "--calibration-images", type=int, metavar="N", help="for int8-static (default: 128)"
    )
    data.add_argument(
        "--corruptions",
        action="append",
        metavar="NAME[=SEVERITY,…]",
        help="repeatable; also predict on the test images corrupted, severity 1 to 5 (default: 3); "
        "'all' for every corruption (docs/robustness.md)",
    )
    data.add_argument(
        "--shift",
        action="append",
        metavar="NAME=SPEC",
        help="repeatable; also predict on other images of the same classes, such as "
        "lores=folder:DIR",
    )
    _add_training(sweep.add_argument_group("training"))
    _add_machine(sweep)
    sweep.set_defaults(run=run_sweep_verb)


def _add_training(group: Any) -> None:
    described = {
        "epochs": "passes over the train split",
        "batch_size": "images a step",
        "lr": "largest learning rate",
        "momentum": "Nesterov momentum",
        "weight_decay": "on weights, not on biases and norms",
        "warmup": "share of the steps with a rising rate",
        "label_smoothing": "of the loss",
        "prune_begin": "share of the steps before the first mask",
        "prune_end": "share of the steps at which the asked sparsity is reached",
        "prune_every": "steps between two masks",
        "finetune_steps": "steps in which --schedule finetune prunes",
        "finetune_epochs": "epochs of retraining after each of them",
        "finetune_lr": "largest learning rate of retraining",
        "gradient_batches": "batches that 'gradient' averages over",
    }
    for name, text in described.items():
        default = getattr(_DEFAULTS, name)
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            metavar="N" if isinstance(default, int) else "X",
            help=f"{text} (default: {default})",
        )
    group.add_argument(
        "--schedule",
        choices=SCHEDULES,
        help="gradual: during training; finetune: the dense run in steps, retrained after each; "
        "oneshot: the dense run once, not trained again (default: gradual)",
    )
    group.add_argument(
        "--paired",
        action="store_true",
        help="runs of one seed share the dense run's random stream, up to the first mask",
    )


def _add_machine(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda", "mps"],
        default=argparse.SUPPRESS,
        help="to train on (default: auto)",
    )
    group.add_argument(
        "--workers",
        type=int,
        default=argparse.SUPPRESS,
        metavar="N",
        help="processes (default: one a core)",
    )
    group.add_argument(
        "--engine",
        choices=["local", "dask"],
        default=argparse.SUPPRESS,
        help="local: processes here; dask: a Dask cluster, here or elsewhere (default: local)",
    )
    group.add_argument(
        "--scheduler",
        default=argparse.SUPPRESS,
        metavar="ADDRESS",
        help="of a running Dask scheduler, such as tcp://host:8786, for --engine dask",
    )


def run_demo(options: argparse.Namespace, cache: Cache) -> int:
    """Make the sweep named ``demo``."""
    from analysis.sweep.plan import demo_sweep

    return _run(demo_sweep(), argparse.Namespace(**_MACHINE | vars(options)), cache)


def run_sweep_verb(options: argparse.Namespace, cache: Cache) -> int:
    """Make, resume or extend a sweep."""
    given = _MACHINE | with_config(vars(options))
    if external_models.is_asked(given):
        manifest = external_models.run(given, cache)
        if manifest is None:
            return 0
        status = _report(manifest, cache)
        tell_pairing(cache, manifest.name)
        return status
    sweep, options = sweep_from(given), argparse.Namespace(**given)
    if vars(options).get("dry_run"):
        from analysis.cli.dry_run import describe

        print(describe(sweep, cache, options))
        return 0
    return _run(sweep, options, cache)


def _run(sweep: Sweep, options: argparse.Namespace, cache: Cache) -> int:
    from analysis.sweep.run import run_sweep

    if options.workers is not None and options.workers < 1:
        raise UserError(f"--workers {options.workers}: expected at least 1")
    with ProgressBars(sys.stderr) as bars:
        manifest = run_sweep(
            sweep,
            cache,
            n_workers=options.workers,
            device=options.device,
            engine=options.engine,
            scheduler=options.scheduler,
            progress=bars,
        )
        keep_tables(cache, manifest.name, bars)
    return _report(manifest, cache)


def _report(manifest: Manifest, cache: Cache) -> int:
    failed = [(v, s, run.error) for v, s, run in manifest.all_runs() if run.state == "failed"]
    left_out = len(manifest.left_out)
    print(
        f"{manifest.name}: {manifest.n_done} of {manifest.n_runs} runs done in "
        f"{cache.root / manifest.name}"
        + (f"; files left out: {left_out} (see 'show {manifest.name}')" if left_out else "")
    )
    if note := manifest.model.weights_note:
        print(f"{manifest.name}: {note}")
    for note in manifest.dataset.notes:
        print(f"{manifest.name}: {note}")
    for variant_id, seed, error in failed:
        tell(f"lethe: error: {variant_id}, seed {seed} failed: {error}")
    return 3 if _report_shifts(manifest) or failed else 0


def _report_shifts(manifest: Manifest) -> bool:
    """Say how far the shifts are; return whether a run failed on one."""
    if manifest.shifts:
        print(
            f"{manifest.name}: {manifest.n_shifted_done} of {manifest.n_shifted} predictions of "
            f"runs on {len(manifest.shifts)} shifts done"
        )
    for shift in manifest.shifts:
        for note in shift.notes:
            print(f"{manifest.name}: {note}")
        if shift.left_out:
            print(f"{manifest.name}: files of shift {shift.name} left out: {len(shift.left_out)}")
        for run, error in shift.failed.items():
            tell(f"lethe: error: {run} failed on shift {shift.name}: {error}")
    return any(shift.failed for shift in manifest.shifts)
