"""Verbs that make sweeps: ``demo`` and ``sweep``."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from analysis.cli import external_models
from analysis.cli.cache import keep_tables, tell_pairing
from analysis.cli.console import ProgressBars, tell
from analysis.cli.next_steps import tell_next
from analysis.cli.options import add_options, fields_of, with_config
from analysis.config import (
    Machine,
    Sweep,
    Training,
    default_name,
    parse_variants,
)
from analysis.errors import UserError
from analysis.external.options import ExternalModelsConfig, FeedingOptions, OutputOptions
from analysis.presentation.evaluated import looks_sentence, machine_notes
from analysis.presentation.formatting import most_common
from analysis.shifts.parse import ShiftOptions, shifts_from
from analysis.store import Cache
from analysis.store.manifest import Manifest

# Every class with options of ``sweep``, in the order of its help.
_CLASSES = (
    Sweep, ExternalModelsConfig, FeedingOptions, OutputOptions, ShiftOptions, Training, Machine,
)  # fmt: skip
_OWN = (
    "pretrained", "checkpoint", "train_limit", "test_limit", "image_size", "calibration_images",
    "rotate_tail",
)  # fmt: skip


def sweep_from(options: dict[str, Any]) -> Sweep:
    """Build a sweep from options, with defaults for missing ones.

    Raises
    ------
    UserError
        The dataset is missing or a value is out of range.
    """
    dataset = options.get("dataset")
    if not dataset:
        raise UserError("--dataset is missing: such as --dataset digits or --dataset folder:DIR")
    model = options.get("model", "tiny_cnn")
    training = fields_of(options, Training)
    seeds = options.get("seeds", 10)
    is_pretrained = options.get("pretrained") or "checkpoint" in options
    if training.get("schedule") == "oneshot" and is_pretrained:
        # By default one pretrained model is not trained further, so there is one dense run.
        training.setdefault("epochs", 0)
        seeds = options.get("seeds", 10 if training["epochs"] else 1)
    return Sweep(
        name=options.get("name") or default_name(dataset, model),
        dataset=dataset,
        model=model,
        variants=parse_variants(options.get("variants", [])),
        seeds=seeds,
        training=Training(**training),
        method_files=tuple(options.get("methods", ())),
        shifts=shifts_from(options),
        **{name: options[name] for name in _OWN if name in options},
    )


def read_config(options: dict[str, Any]) -> dict[str, Any]:
    """Merge the options of ``sweep`` with those in the file of ``--config``, which they override.

    Raises
    ------
    UserError
        The file cannot be read, or has an option that is unknown or of the wrong type.
    """
    return with_config(options, *_CLASSES)


def options_of_words(words: Sequence[str]) -> dict[str, Any]:
    """Parse words of the command line as options of ``sweep``."""
    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
    add_options(parser, *_CLASSES)
    return vars(parser.parse_args(words))


def add_verbs(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Add the verbs to the parser."""
    demo = verbs.add_parser(
        "demo",
        parents=[common],
        help="make the sweep 'demo': 80 runs on handwritten digits, about a minute on two cores",
    )
    add_options(demo, Machine)
    demo.set_defaults(run=run_demo)

    sweep = verbs.add_parser(
        "sweep",
        parents=[common],
        help="compress a population of models and keep every prediction",
        argument_default=argparse.SUPPRESS,
    )
    sweep.add_argument("--config", metavar="FILE.toml", help="the same options, from a file")
    sweep.add_argument("--dry-run", action="store_true", help="print what would be done, and stop")
    add_options(sweep, *_CLASSES)
    sweep.set_defaults(run=run_sweep_verb)


def run_demo(options: argparse.Namespace, cache: Cache) -> int:
    """Make the sweep named ``demo``."""
    from analysis.sweep.plan import demo_sweep

    machine = Machine(**fields_of(vars(options), Machine))
    return _run(demo_sweep(), machine, cache, options.program)


def run_sweep_verb(options: argparse.Namespace, cache: Cache) -> int:
    """Make, resume or extend a sweep."""
    values = read_config(vars(options))
    if external_models.has_models(values):
        manifest = external_models.run(values, cache)
        if manifest is None:
            return 0
        status = _report(manifest, cache)
        tell_pairing(cache, manifest.name)
        tell_next(manifest, cache, options.program)
        return status
    sweep, machine = sweep_from(values), Machine(**fields_of(values, Machine))
    if values.get("dry_run"):
        from analysis.sweep.estimate import describe

        print(describe(sweep, cache, machine))
        return 0
    return _run(sweep, machine, cache, options.program)


def _run(sweep: Sweep, machine: Machine, cache: Cache, program: str) -> int:
    from analysis.sweep.run import run_sweep

    with ProgressBars(sys.stderr) as bars:
        manifest = run_sweep(
            sweep,
            cache,
            n_workers=machine.workers,
            device=machine.device,
            engine=machine.engine,
            scheduler=machine.scheduler,
            progress=bars,
            warn=lambda line: tell(f"lethe: {line}"),
        )
        keep_tables(cache, manifest.name, bars)
    status = _report(manifest, cache)
    tell_next(manifest, cache, program)
    return status


def _report(manifest: Manifest, cache: Cache) -> int:
    failed = [(v, s, run.error) for v, s, run in manifest.all_runs() if run.state == "failed"]
    left_out = len(manifest.left_out)
    print(
        f"{manifest.name}: {manifest.n_done} of {manifest.n_runs} runs done in "
        f"{cache.root / manifest.name}"
        + (f"; files left out: {left_out} (see 'show {manifest.name}')" if left_out else "")
    )
    if left_out:
        reasons = most_common(one.reason for one in manifest.left_out)
        print(f"{manifest.name}: of the files left out {reasons}")
    if note := manifest.model.weights_note:
        print(f"{manifest.name}: {note}")
    if looks := looks_sentence(manifest):
        print(f"{manifest.name}: looks: {looks}")
    for note in [*manifest.dataset.notes, *machine_notes(manifest)]:
        print(f"{manifest.name}: {note}")
    for variant_id, seed, error in failed:
        tell(f"lethe: error: {variant_id}, seed {seed} failed: {error}")
    return 3 if _report_shifts(manifest) or failed else 0


def _report_shifts(manifest: Manifest) -> bool:
    """Print the progress of the shifts; return whether a run failed on one."""
    if manifest.shifts:
        print(
            f"{manifest.name}: {manifest.n_shifted_done} of {manifest.n_shifted} predictions of "
            f"runs on {len(manifest.shifts)} shifts done"
        )
    for shift in manifest.shifts:
        for note in shift.notes:
            print(f"{manifest.name}: {note}")
        if shift.left_out:
            reasons = most_common(one.reason for one in shift.left_out)
            print(f"{manifest.name}: files of shift {shift.name} left out: {reasons}")
        for run, error in shift.failed.items():
            tell(f"lethe: error: {run} failed on shift {shift.name}: {error}")
    return any(shift.failed for shift in manifest.shifts)
