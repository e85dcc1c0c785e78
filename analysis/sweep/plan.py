"""The plan of a sweep: its requested runs and the missing ones."""

from analysis.compression.registry import (
    check_variant,
    load_files,
    method,
    methods,
    quantization,
    trained_part,
)
from analysis.config import Shift, Sweep, Training, Variant, parse_variants
from analysis.datasets.base import Dataset
from analysis.datasets.rotation import check_tail, rotated
from analysis.errors import UserError
from analysis.shifts.inputs import Natural, check_shifts, open_natural
from analysis.store.manifest import Manifest

Run = tuple[Variant, int]


def requested_variants(sweep: Sweep) -> tuple[Variant, ...]:
    """Return the variants of a sweep and the pruned ones that combined variants start from.

    Raises
    ------
    UserError
        A variant does not fit the registered methods, or a method file cannot be used.
    """
    load_files(sweep.method_files)
    variants: list[Variant] = []
    can_prune = sweep.training.epochs > 0 or sweep.training.from_dense
    for variant in sweep.variants:
        check_variant(variant)
        variants += [trained_part(variant), variant]
        if not trained_part(variant).is_dense and not can_prune:
            raise UserError(
                f"variant '{variant.variant_id}': --epochs 0 leaves no training to prune in; add "
                "--schedule oneshot or finetune"
            )
    distill = sweep.training.distill
    if distill and all(trained_part(variant).is_dense for variant in variants):
        raise UserError(
            f"--distill {distill:g}: no variant is pruned, and only pruned runs are trained with "
            "it; add one, such as --variants magnitude=0.9"
        )
    return tuple(dict.fromkeys(variants))


def check_layers(variant: Variant, training: Training) -> None:
    """Check that a variant is made from the dense weights, so that layers can be restored.

    Raises
    ------
    UserError
        It is not, or its method cannot skip single layers.
    """
    able = ", ".join(name for name, one in methods().items() if one.keeps_layers)
    expected = f"expected {able} by itself, or weights pruned under --schedule oneshot"
    found, base = quantization(variant), trained_part(variant)
    if variant.is_dense:
        reason = "it is the float model itself"
    elif found is None and training.schedule != "oneshot":
        reason = "it is trained during or after pruning, so that its weights are its own"
    elif found is None and method(base.steps[0].method).removes == "channels":
        reason = "its layers have fewer channels than those of dense"
    elif found is not None and not base.is_dense:
        reason = "it is made from a pruned run"
    elif found is not None and not found.keeps_layers:
        reason = f"'{found.name}' cannot leave single layers in float"
    else:
        return
    raise UserError(
        f"variant '{variant.variant_id}': its layers cannot be restored to float: {reason}; "
        f"{expected}"
    )


def check_data(sweep: Sweep) -> None:
    """Check data options that need no access to the data.

    Raises
    ------
    UserError
        Rotation is requested of a dataset without a long tail.
    """
    if sweep.rotate_tail:
        check_tail(sweep.dataset)


def selected(sweep: Sweep, dataset: Dataset) -> Dataset:
    """Select the images of a dataset that a sweep trains on and evaluates."""
    limited = dataset.limited(sweep.train_limit, sweep.test_limit)
    return rotated(limited) if sweep.rotate_tail else limited


def training_steps(training: Training, variant: Variant, n_images: int) -> int:
    """Return the number of training steps of one run of a variant, 0 without training."""
    if quantization(variant) is not None:
        return 0
    epochs = training.epochs
    if training.from_dense and not variant.is_dense:
        retraining = training.finetune_steps * training.finetune_epochs
        epochs = retraining if training.schedule == "finetune" else 0
    return epochs * (n_images // min(training.batch_size, n_images))


def taught_steps(training: Training, variant: Variant, n_images: int) -> int:
    """Return the number of distilled steps of a run of a variant, 0 without distillation."""
    steps = training_steps(training, variant, n_images)
    if variant.is_dense or not training.distill:
        return 0
    return steps - training.first_taught(steps)


def planned(manifest: Manifest | None, sweep: Sweep) -> list[Run]:
    """Return the requested runs that are not done, variant by variant."""
    done = {} if manifest is None else {v: manifest.done_seeds(v) for v in manifest.runs}
    return [
        (variant, seed)
        for variant in requested_variants(sweep)
        for seed in range(sweep.seeds)
        if seed not in done.get(variant.variant_id, [])
    ]


def open_shifts(shifts: tuple[Shift, ...], dataset: Dataset, spec: str) -> dict[str, Natural]:
    """Check the shifts of a sweep over the dataset ``spec``; open its natural shifts.

    Raises
    ------
    UserError
        A corruption is unknown, or a natural shift cannot be used.
    """
    check_shifts(shifts)
    return {
        s.name: open_natural(s, dataset, is_own=s.dataset == spec)
        for s in shifts
        if s.dataset is not None
    }


def planned_on_shifts(manifest: Manifest | None, sweep: Sweep) -> list[Run]:
    """Return the runs to predict on shifts, each once per missing shift."""
    known = set() if manifest is None else {shift.name for shift in manifest.shifts}
    missing = []
    for shift in sweep.shifts:
        for variant in requested_variants(sweep):
            done: list[int] = []
            if manifest is not None and shift.name in known:
                done = manifest.shifted_seeds(shift.name, variant.variant_id)
            missing += [(variant, seed) for seed in range(sweep.seeds) if seed not in done]
    return missing


def demo_sweep() -> Sweep:
    """Return the sweep named ``demo``."""
    return Sweep(
        name="demo",
        dataset="digits-longtail",
        model="tiny_cnn",
        variants=parse_variants(["magnitude=0.3,0.5,0.7,0.9,0.95", "int8-static", "int8-dynamic"]),
        seeds=10,
        training=Training(epochs=50),
    )
