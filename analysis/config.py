"""What a shift is: the test images corrupted, or another set of images of the same classes.

What a sweep is asked to do: frozen values, checked when they are made.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from analysis.errors import UserError

SEVERITIES = (1, 2, 3, 4, 5)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True)
class Shift:
    """One shift: a ``corruption`` at a ``severity``, or the ``dataset`` SPEC of a natural one.

    ``name`` is its folder below ``shifts/``: ``gaussian_noise-3``, or what the user calls it.
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
    """Read ``NAME=SPEC`` items of natural shifts.

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
    """Check that no two different shifts have one name.

    Raises
    ------
    UserError
        Two have.
    """
    known: dict[str, Shift] = {}
    for shift in shifts:
        if known.setdefault(shift.name, shift) != shift:
            raise UserError(f"two different shifts are called '{shift.name}'; rename one")


DENSE_ID = "dense"
SCHEDULES = ("gradual", "finetune", "oneshot")
_METHOD = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SWEEP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def format_level(level: float) -> str:
    """Write a level with two decimals, more where needed: 0.9 -> ``0.90``, 0.995 -> ``0.995``."""
    short = f"{level:.2f}"
    return short if float(short) == level else repr(level)


@dataclass(frozen=True)
class Step:
    """One compression method and its level, such as ``magnitude`` at 0.9."""

    method: str
    level: float | None = None

    def __post_init__(self) -> None:
        if not _METHOD.fullmatch(self.method):
            raise UserError(
                f"variant '{self.method}': a method's name is made of lower-case words joined by "
                "'-', such as magnitude or int8-static"
            )
        if self.level is not None and not 0 <= self.level <= 1:
            hint = f"; did you mean {self.level / 100:g}?" if 1 < self.level <= 100 else ""
            raise UserError(
                f"variant '{self.method}={self.level:g}': a level is a fraction from 0 to 1{hint}"
            )

    @property
    def step_id(self) -> str:
        """The readable key of this step, ``magnitude-0.90``."""
        return self.method if self.level is None else f"{self.method}-{format_level(self.level)}"


@dataclass(frozen=True)
class Variant:
    """One compression setting: the steps applied in order; no step at all is the dense model."""

    steps: tuple[Step, ...] = ()

    @property
    def variant_id(self) -> str:
        """The readable key: ``dense``, ``magnitude-0.90``, ``magnitude-0.90+int8-static``."""
        return "+".join(step.step_id for step in self.steps) or DENSE_ID

    @property
    def method(self) -> str:
        """The methods without their levels, joined by ``+``."""
        return "+".join(step.method for step in self.steps) or DENSE_ID

    @property
    def is_dense(self) -> bool:
        """Whether this is the uncompressed model."""
        return not self.steps


DENSE = Variant()


def _parse_level(text: str, item: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if math.isnan(level):
        raise UserError(f"variant '{item}': '{text}' is no number; expected METHOD=LEVEL,LEVEL")
    return level


def parse_variants(items: Iterable[str]) -> tuple[Variant, ...]:
    """Read ``METHOD[=LEVEL,LEVEL]`` items into variants; ``dense`` is always there, and first.

    ``A=0.9+B`` combines: A at 0.9, then B. Variants named twice are kept once.

    Raises
    ------
    UserError
        An item does not have this form, or a level lies outside 0..1.
    """
    variants = [DENSE]
    for item in items:
        chains: list[tuple[Step, ...]] = [()]
        for part in item.strip().split("+"):
            method, equals, levels = part.partition("=")
            if not method.strip():
                raise UserError(f"variant '{item}': a method's name is missing")
            steps = (
                [Step(method.strip(), _parse_level(text, item)) for text in levels.split(",")]
                if equals
                else [Step(method.strip())]
            )
            chains = [(*chain, step) for chain in chains for step in steps]
        variants.extend(
            Variant(tuple(step for step in chain if step.method != DENSE_ID)) for chain in chains
        )
    return tuple(dict.fromkeys(variants))


def is_sweep_name(name: str) -> bool:
    """Whether a name can be that of a sweep, a folder of the cache."""
    return _SWEEP_NAME.fullmatch(name) is not None


def check_sweep_name(name: str) -> str:
    """Return the name where it can be a folder of the cache, else say what is expected."""
    if not is_sweep_name(name):
        raise UserError(
            f"sweep name '{name}': expected letters, digits, '.', '_', '+' or '-', "
            "starting with a letter or digit, at most 100"
        )
    return name


@dataclass(frozen=True)
class Training:
    """How every run is trained: all the options a result depends on.

    ``prune_begin`` and ``prune_end`` are fractions of the training steps, ``prune_every`` the
    number of steps between two mask updates, ``gradient_batches`` the batches a gradient is
    averaged over. ``finetune_epochs`` is for each of the ``finetune_steps``. No epoch at all takes
    a given model as it is.
    """

    epochs: int = 20
    batch_size: int = 64
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    warmup: float = 0.1
    label_smoothing: float = 0.0
    schedule: str = "gradual"
    prune_begin: float = 0.2
    prune_end: float = 0.75
    prune_every: int = 8
    paired: bool = False
    finetune_steps: int = 3
    finetune_epochs: int = 2
    finetune_lr: float = 0.01
    gradient_batches: int = 4

    def __post_init__(self) -> None:
        checks = {
            "epochs": self.epochs >= 0,
            "batch-size": self.batch_size >= 2,
            "lr": 0 < self.lr < math.inf,
            "momentum": 0 <= self.momentum < 1,
            "weight-decay": 0 <= self.weight_decay < math.inf,
            "warmup": 0 <= self.warmup < 1,
            "label-smoothing": 0 <= self.label_smoothing < 1,
            "prune-begin": 0 <= self.prune_begin <= 1,
            "prune-end": self.prune_begin <= self.prune_end <= 1,
            "prune-every": self.prune_every >= 1,
            "schedule": self.schedule in SCHEDULES,
            "finetune-steps": self.finetune_steps >= 1,
            "finetune-epochs": self.finetune_epochs >= 1,
            "finetune-lr": 0 < self.finetune_lr < math.inf,
            "gradient-batches": self.gradient_batches >= 1,
        }
        for option, ok in checks.items():
            if not ok:
                value = getattr(self, option.replace("-", "_"))
                raise UserError(f"--{option} {value}: out of range; see 'sweep --help'")

    @property
    def from_dense(self) -> bool:
        """Whether pruned runs are made from the trained dense run of their seed."""
        return self.schedule != "gradual"

    @property
    def pairs_runs(self) -> bool:
        """Whether a pruned run is tied to the dense run of its seed, whose weights it needs."""
        return self.paired or self.from_dense


@dataclass(frozen=True)
class Sweep:
    """A sweep as asked: dataset x model x variants x seeds, and how it is trained.

    ``pretrained`` starts from timm's own weights, ``checkpoint`` from those of a file;
    ``method_files`` are Python files that register methods of the user's own; ``shifts`` are what
    every run is predicted on besides the test images, and no option of its training.
    """

    name: str
    dataset: str
    model: str
    variants: tuple[Variant, ...]
    seeds: int
    training: Training = field(default_factory=Training)
    image_size: int | None = None
    train_limit: int | None = None
    test_limit: int | None = None
    calibration_images: int = 128
    pretrained: bool = False
    checkpoint: str | None = None
    method_files: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()

    def __post_init__(self) -> None:
        check_sweep_name(self.name)
        check_names(self.shifts)
        for option in ("seeds", "image_size", "train_limit", "test_limit", "calibration_images"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise UserError(f"--{option.replace('_', '-')} {value}: expected at least 1")
        if not self.variants or not self.variants[0].is_dense:
            raise UserError("a sweep starts from its dense variant")
        if self.pretrained and self.checkpoint is not None:
            raise UserError("--pretrained and --checkpoint: a model starts from one of the two")
        if self.training.epochs == 0:
            self._check_untrained()

    def _check_untrained(self) -> None:
        if not self.pretrained and self.checkpoint is None:
            raise UserError(
                "--epochs 0: only a model with --pretrained or --checkpoint is trained yet"
            )
        if self.seeds > 1:
            raise UserError(
                f"--seeds {self.seeds}: one model given as it is makes one dense run; use --seeds "
                "1, or let every seed train it on with --epochs"
            )

    def options(self) -> dict[str, Any]:
        """What a result depends on besides variant and seed: a resumed sweep must repeat these."""
        kept = asdict(self)
        for key in ("name", "variants", "seeds", "method_files", "shifts"):
            del kept[key]
        return kept


def default_name(dataset: str, model: str) -> str:
    """Name a sweep after dataset and model: ``fashion-mnist:DIR`` -> ``fashion-mnist-tiny_cnn``."""
    kind, _, place = dataset.partition(":")
    stem = kind
    if kind in {"folder", "parquet", "hf"} and place:
        stem = place.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", f"{stem}-{model}").strip("-._+")
    return name[:100] or "sweep"
