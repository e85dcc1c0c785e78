"""The configuration of a sweep: frozen values that are checked on creation.

Shifts are parsed here, variants in ``analysis.variants``; options are defined by the dataclass
fields.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from analysis.errors import UserError
from analysis.options import check_options, option
from analysis.variants import (
    DENSE,
    DENSE_ID,
    FLOAT_LAYERS,
    Step,
    Variant,
    format_level,
    parse_variants,
)

__all__ = [
    "DENSE", "DENSE_ID", "FLOAT_LAYERS", "SCHEDULES", "SEVERITIES", "Machine", "Shift", "Step",
    "Sweep", "Training", "Variant", "check_names", "check_sweep_name", "corruption_shift",
    "default_name", "format_level", "is_sweep_name", "parse_shifts", "parse_variants",
]  # fmt: skip

SEVERITIES = (1, 2, 3, 4, 5)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class Shift:
    """One shift: a ``corruption`` at a ``severity``, or the ``dataset`` SPEC of a natural one.

    ``name`` is its folder below ``shifts/``: ``gaussian_noise-3``, or the user's name.
    """

    name: str
    corruption: str | None = None
    severity: int | None = None
    dataset: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UserError(
                f"shift '{self.name}': expected a name of letters, digits, '.', '_', '+' or '-', "
                "starting with a letter or digit, at most 100"
            )
        if (self.corruption is None) == (self.dataset is None):
            raise UserError(f"shift '{self.name}': expected a corruption or a dataset")
        if self.corruption is not None and self.severity not in SEVERITIES:
            raise UserError(
                f"corruption '{self.corruption}={self.severity}': a severity is a whole number "
                "from 1 to 5"
            )


def corruption_shift(corruption: str, severity: int) -> Shift:
    """Return the shift of one corruption at one severity, ``gaussian_noise-3``."""
    return Shift(f"{corruption}-{severity}", corruption=corruption, severity=severity)


def parse_shifts(items: Iterable[str]) -> tuple[Shift, ...]:
    """Parse ``NAME=SPEC`` items of natural shifts.

    Raises
    ------
    UserError
        An item does not have this form.
    """
    shifts = []
    for item in items:
        name, equals, spec = item.partition("=")
        if not equals or not spec:
            raise UserError(f"--shift '{item}': expected NAME=SPEC, such as lores=folder:DIR")
        shifts.append(Shift(name.strip(), dataset=spec))
    return tuple(dict.fromkeys(shifts))


def check_names(shifts: Iterable[Shift]) -> None:
    """Check that different shifts have different names.

    Raises
    ------
    UserError
        Two shifts share a name.
    """
    known: dict[str, Shift] = {}
    for shift in shifts:
        if known.setdefault(shift.name, shift) != shift:
            raise UserError(f"two different shifts are named '{shift.name}'; rename one")


SCHEDULES = ("gradual", "finetune", "oneshot")
_TRAINING = "training"
_SWEEP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def is_sweep_name(name: str) -> bool:
    """Return whether a name is valid for a sweep, a folder of the cache."""
    return _SWEEP_NAME.fullmatch(name) is not None


def check_sweep_name(name: str) -> str:
    """Return a valid sweep name, else raise UserError."""
    if not is_sweep_name(name):
        raise UserError(
            f"sweep name '{name}': expected letters, digits, '.', '_', '+' or '-', "
            "starting with a letter or digit, at most 100"
        )
    return name


def _is_share(value: float) -> bool:
    return 0 <= value <= 1


def _is_below_1(value: float) -> bool:
    return 0 <= value < 1


def _is_rate(value: float) -> bool:
    return 0 < value < math.inf


@dataclass(frozen=True)
class Machine:
    """The machine of a sweep; results depend on it only through the device's arithmetic."""

    device: str = option(
        "auto", group="machine", choices=("auto", "cpu", "cuda", "mps"), help="device to train on"
    )
    workers: int | None = option(
        None, group="machine", help="worker processes", default_words="one a core", least=1
    )
    engine: str = option(
        "local",
        group="machine",
        choices=("local", "dask"),
        help="local: processes here; dask: a Dask cluster, here or elsewhere",
    )
    scheduler: str | None = option(
        None,
        group="machine",
        metavar="ADDRESS",
        help="address of a running Dask scheduler, such as tcp://host:8786, for --engine dask",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.scheduler is not None and self.engine != "dask":
            raise UserError("--scheduler needs --engine dask")


@dataclass(frozen=True)
class Training:
    """Training options of every run, on which results depend.

    ``prune_begin`` and ``prune_end`` are fractions of the training steps, ``prune_every`` the
    number of steps between two mask updates, ``gradient_batches`` the batches to average a gradient
    over. ``finetune_epochs`` applies to each of the ``finetune_steps``. With 0 epochs a pretrained
    model is used without further training.
    """

    epochs: int = option(20, group=_TRAINING, help="passes over the train split", least=0)
    batch_size: int = option(64, group=_TRAINING, help="images a step", least=2)
    lr: float = option(0.1, group=_TRAINING, help="largest learning rate", is_ok=_is_rate)
    momentum: float = option(0.9, group=_TRAINING, help="Nesterov momentum", is_ok=_is_below_1)
    weight_decay: float = option(
        1e-4,
        group=_TRAINING,
        help="weight decay of weights, not of biases and norms",
        is_ok=lambda value: 0 <= value < math.inf,
    )
    warmup: float = option(
        0.1, group=_TRAINING, help="share of the steps with a rising rate", is_ok=_is_below_1
    )
    label_smoothing: float = option(0.0, group=_TRAINING, help="of the loss", is_ok=_is_below_1)
    prune_begin: float = option(
        0.2, group=_TRAINING, help="share of the steps before the first mask", is_ok=_is_share
    )
    prune_end: float = option(
        0.75,
        group=_TRAINING,
        help="share of the steps at which the target sparsity is reached",
        is_ok=_is_share,
    )
    prune_every: int = option(8, group=_TRAINING, help="steps between two masks", least=1)
    finetune_steps: int = option(
        3, group=_TRAINING, help="steps in which --schedule finetune prunes", least=1
    )
    finetune_epochs: int = option(
        2, group=_TRAINING, help="epochs of retraining after each of these steps", least=1
    )
    finetune_lr: float = option(
        0.01, group=_TRAINING, help="largest learning rate of retraining", is_ok=_is_rate
    )
    gradient_batches: int = option(
        4, group=_TRAINING, help="batches that 'gradient' averages over", least=1
    )
    schedule: str = option(
        "gradual",
        group=_TRAINING,
        choices=SCHEDULES,
        help="gradual: during training; finetune: the dense run in steps, retrained after each; "
        "oneshot: the dense run once, without retraining",
    )
    paired: bool = option(
        False,
        group=_TRAINING,
        help="runs of one seed share the dense run's random stream, up to the first mask",
    )
    distill: float = option(
        0.0,
        group=_TRAINING,
        metavar="W",
        help="weight of the divergence from the dense run of the same seed in the loss of pruned "
        "runs, from 0 to 1",
        is_ok=_is_share,
        range="a weight from 0 to 1",
    )

    def __post_init__(self) -> None:
        check_options(self)
        if self.distill and self.schedule == "oneshot":
            raise UserError(
                f"--distill {self.distill:g} --schedule oneshot: nothing is trained after pruning; "
                "--schedule finetune --finetune-steps 1 prunes once and trains on"
            )
        if self.prune_end < self.prune_begin:
            raise UserError(
                f"--prune-end {self.prune_end}: expected at least --prune-begin {self.prune_begin}"
            )

    def first_pruning(self, total: int) -> int:
        """Return the step of the first pruning under the schedule ``gradual``."""
        return round(self.prune_begin * total)

    def first_taught(self, total: int) -> int:
        """Return the first distilled step of a pruned run, the first mask's for a paired one.

        Before it, a paired run and its dense run are identical.
        """
        is_shared = self.paired and self.schedule == "gradual"
        return self.first_pruning(total) if is_shared else 0

    @property
    def from_dense(self) -> bool:
        """Whether pruned runs are made from the trained dense run of their seed."""
        return self.schedule != "gradual"

    @property
    def pairs_runs(self) -> bool:
        """Whether a pruned run needs the weights of the dense run of its seed."""
        return self.paired or self.from_dense or self.distill > 0


@dataclass(frozen=True)
class Sweep:
    """The configuration of a sweep: dataset x model x variants x seeds, and training.

    ``pretrained`` starts from timm's own weights, ``checkpoint`` from those of a file;
    ``method_files`` are Python files that register user methods; ``shifts`` are further images to
    predict, which do not affect training.
    """

    name: str = option(help="name of the sweep", default_words="after dataset and model")
    dataset: str = option(metavar="SPEC", help="the dataset, such as digits or folder:DIR")
    model: str = option(metavar="NAME", help="the model: tiny_cnn or any name of timm")
    variants: tuple[Variant, ...] = option(
        metavar="METHOD[=LEVEL,LEVEL]",
        help="repeatable; A=0.9+B combines methods; dense is always included",
    )
    seeds: int = option(metavar="K", help="runs of every variant", default_words="10", least=1)
    training: Training = field(default_factory=Training)
    method_files: tuple[str, ...] = option(
        (),
        flag="method-file",
        key="methods",
        metavar="FILE.py",
        help="repeatable; registers methods of your own (docs/methods.md)",
    )
    pretrained: bool = option(
        False, group="first weights", help="start from timm's pretrained weights of the model"
    )
    checkpoint: str | None = option(
        None,
        group="first weights",
        metavar="PATH",
        help="start from these weights: safetensors, or a state dict",
    )
    train_limit: int | None = option(None, group="data", help="train images, stratified", least=1)
    test_limit: int | None = option(None, group="data", help="test images, stratified", least=1)
    image_size: int | None = option(
        None, group="data", metavar="PX", help="input size of the model", least=1
    )
    calibration_images: int = option(128, group="data", help="images for int8-static", least=1)
    rotate_tail: bool = option(
        False, group="data", help="move the long tail by a class a seed; only digits-longtail"
    )
    shifts: tuple[Shift, ...] = ()

    def __post_init__(self) -> None:
        check_sweep_name(self.name)
        check_names(self.shifts)
        check_options(self)
        if not self.variants or not self.variants[0].is_dense:
            raise UserError("the first variant of a sweep must be dense")
        if self.pretrained and self.checkpoint is not None:
            raise UserError("--pretrained and --checkpoint: a model starts from one of the two")
        if self.training.epochs == 0:
            self._check_trained_already()

    def _check_trained_already(self) -> None:
        if not self.pretrained and self.checkpoint is None:
            raise UserError(
                "--epochs 0: only a model with --pretrained or --checkpoint is trained already"
            )
        if self.seeds > 1:
            raise UserError(
                f"--seeds {self.seeds}: a model that is not trained further makes one dense run; "
                "use --seeds 1, or train every seed further with --epochs"
            )

    def options(self) -> dict[str, Any]:
        """Return the options that results depend on: a resumed sweep must repeat them."""
        options = asdict(self)
        for key in ("name", "variants", "seeds", "method_files", "shifts"):
            del options[key]
        return options


def default_name(dataset: str, model: str) -> str:
    """Return the default name of a sweep: ``fashion-mnist:DIR`` -> ``fashion-mnist-tiny_cnn``."""
    kind, _, place = dataset.partition(":")
    stem = kind
    if kind in {"folder", "parquet", "hf"} and place:
        stem = place.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", f"{stem}-{model}").strip("-._+")
    return name[:100] or "sweep"
