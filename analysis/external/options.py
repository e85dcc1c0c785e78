"""Options of external models: their feeding, outputs and images."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

from analysis.config import Shift, check_names, check_sweep_name
from analysis.errors import UserError
from analysis.external.spec import ModelFile, check_runs
from analysis.models.geometry import INTERPOLATIONS, RESIZES
from analysis.options import check_options, option, options_of
from analysis.outputs.scores import KINDS

_MODELS = "external models, instead of training; examples are in docs/external-models.md"
_FEEDING = "preprocessing of external models; by default as each model declares"
_OUTPUTS = "outputs of external models"
NORMALIZATIONS = ("imagenet", "none", "dataset", "0.5")
CHANNELS = ("rgb", "bgr")
PIXELS = ("0..1", "0..255", "-1..1")
LAYOUTS = ("NCHW", "NHWC")
SPLITS = ("all", "test", "train")


@dataclass(frozen=True)
class FeedingOptions:
    """How images become the input of every model; omitted fields follow each model's declaration.

    ``named`` is the source of ``mean`` and ``std``; by default each model's own if it declares
    them, else those of the training pixels.
    """

    named: str | None = option(
        None,
        flag="normalize",
        group=_FEEDING,
        choices=NORMALIZATIONS,
        help="normalization in training (default: as the model declares, else the mean "
        "and standard deviation of the training pixels)",
    )
    mean: tuple[float, ...] | None = option(
        None, group=_FEEDING, kind=list, items=(int, float), nargs="+", metavar="X",
        help="mean of pixels from 0 to 1: one number, or three for red, green and blue",
    )  # fmt: skip
    std: tuple[float, ...] | None = option(
        None, group=_FEEDING, kind=list, items=(int, float), nargs="+", metavar="X",
        help="standard deviation of pixels from 0 to 1",
    )  # fmt: skip
    pixels: str | None = option(
        None, group=_FEEDING, choices=PIXELS,
        help="range of the input's values; disables normalization unless that is set too",
    )  # fmt: skip
    channels: str | None = option(
        None, group=_FEEDING, choices=CHANNELS, help="order of colours in the input"
    )
    input_size: int | None = option(
        None, group=_FEEDING, metavar="PX", least=1,
        help="input size of models that take any size",
    )  # fmt: skip
    resize: str | None = option(
        None, group=_FEEDING, choices=RESIZES,
        help="how to reach the input size: crop the centre, squash both sides, or pad with black",
    )  # fmt: skip
    crop_pct: float | None = option(
        None, group=_FEEDING, metavar="X", is_ok=lambda x: 0 < x <= 1,
        range="a share above 0 and at most 1, such as 0.875",
        help="share of the resized picture's side that the crop keeps",
    )  # fmt: skip
    interpolation: str | None = option(
        None, group=_FEEDING, choices=INTERPOLATIONS, help="interpolation of the resizing"
    )
    layout: str | None = option(
        None, group=_FEEDING, choices=LAYOUTS,
        help="order of the input's axes, if its shape does not tell",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_options(self)
        _check_numbers(self)


@dataclass(frozen=True)
class OutputOptions:
    """The outputs of every model: which one holds the scores, their kind and classes."""

    output: str | None = option(
        None, group=_OUTPUTS, metavar="NAME",
        help="the output with the scores, if a model has several",
    )  # fmt: skip
    scores: str = option(
        "auto", group=_OUTPUTS, choices=("auto", *KINDS), help="kind of the scores"
    )
    classes: str | None = option(
        None, group=_OUTPUTS, metavar="FILE",
        help="names of the outputs in order: one a line, or JSON as a list, {index: name}, "
        "{name: index} or a config.json of Hugging Face; matched to the classes by name",
    )  # fmt: skip
    label_offset: int = option(
        0, group=_OUTPUTS, least=0,
        help="number of outputs before the first class, such as 1 for a background class",
    )  # fmt: skip
    only_labelled: bool = option(
        False, group=_OUTPUTS, help="predict only among the classes that have images"
    )
    accept_classes: bool = option(
        False, group=_OUTPUTS,
        help="continue if the outputs seem to be in another order than the classes",
    )  # fmt: skip
    dense_top1: float | None = option(
        None, flag="dense-top1", group=_OUTPUTS, metavar="PERCENT",
        is_ok=lambda x: 0 <= x <= 100, range="a percentage from 0 to 100",
        help="known accuracy of dense: stop if the measured interval excludes it",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_options(self)
        if self.only_labelled and self.scores == "labels":
            raise UserError(
                "--only-labelled needs scores: labels cannot be restricted to classes with images; "
                "leave out --scores labels"
            )


@dataclass(frozen=True)
class ExternalModelsConfig:
    """External models to evaluate on the images of a dataset."""

    name: str
    dataset: str
    models: tuple[ModelFile, ...] = option(
        group=_MODELS,
        nargs="+",
        metavar="VARIANT[@SEED]=MODEL",
        help="a file .onnx, .tflite, .xml or .pt2, a Hugging Face folder, "
        "timm:NAME[:CHECKPOINT], or module:function, which runs its code; one variant is dense",
    )
    feeding: FeedingOptions = field(default_factory=FeedingOptions)
    outputs: OutputOptions = field(default_factory=OutputOptions)
    split: str | None = option(
        None, group=_MODELS, choices=SPLITS,
        help="images to evaluate (default: the test split if there is one, else all)",
    )  # fmt: skip
    session_options: tuple[str, ...] = option(
        (), flag="session-option", group=_MODELS, metavar="[VARIANT:]KEY=VALUE",
        help="repeatable; an option of the runtime, as int8:graph_optimization_level=disable_all",
    )  # fmt: skip
    max_value: float | None = option(
        None, group=_MODELS, metavar="N", is_ok=lambda x: x > 0, range="a number above 0",
        help="value of white in grey images of more than 8 bits (default: estimated and reported)",
    )  # fmt: skip
    time_limit: float = option(
        60.0, flag="time-limit", group=_MODELS, metavar="SECONDS",
        is_ok=lambda x: 0 <= x < math.inf, range="seconds, 0 or more",
        help="seconds for an image; a model that takes longer is stopped and its run has failed; "
        "opening a model counts as 10 images; 0 for no limit",
    )  # fmt: skip
    train_limit: int | None = None
    test_limit: int | None = None
    paired: bool = False
    shifts: tuple[Shift, ...] = ()
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_sweep_name(self.name)
        check_options(self)
        for name in ("train_limit", "test_limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} {value}: expected at least 1")
        check_names(self.shifts)
        check_runs(self.models, self.paired)
        self.options_of_session("")

    def options(self) -> dict[str, Any]:
        """Return the options that results depend on: a resumed sweep must repeat them."""
        return {
            "dataset": self.dataset,
            "model": "external models",
            "normalize": self.feeding.named,
            "train_limit": self.train_limit,
            "test_limit": self.test_limit,
            "paired": self.paired,
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in _differing(self.feeding, self.outputs, self).items()
                if name not in _CONDITIONS
            },
        }

    def options_of_session(self, variant_id: str) -> tuple[tuple[str, str], ...]:
        """Return the runtime options of one variant, its own last.

        Raises
        ------
        UserError
            An option has another form, or names a variant that is not among the models.
        """
        variants = {model.variant_id for model in self.models}
        found: dict[str, str] = {}
        for is_own in (False, True):
            for item in self.session_options:
                key, equals, value = item.partition("=")
                variant, colon, rest = key.rpartition(":")
                if not equals or not rest or not value or (colon and variant not in variants):
                    raise UserError(
                        f"--session-option {item}: expected [VARIANT:]KEY=VALUE, such as "
                        "graph_optimization_level=disable_all, the variant one of "
                        f"{', '.join(sorted(variants))}"
                    )
                if bool(colon) == is_own and variant in ("", variant_id):
                    found[rest] = value
        return tuple(found.items())


# The error of a model that exceeds ``time_limit``.
OVERDUE = (
    "it took longer than --time-limit allows; set a longer one in seconds an image, or 0 for none"
)
# Checks that change no result.
_CONDITIONS = ("accept_classes", "dense_top1", "models", "normalize", "time_limit")


def _differing(*holders: Any) -> dict[str, Any]:
    """Return the options that differ from their default, by their stored names."""
    found: dict[str, Any] = {}
    for holder in holders:
        attributes = {one.name: one.name for one in fields(holder)}
        attributes |= {"normalize": "named", "session_option": "session_options"}
        for one in options_of(type(holder)):
            value = getattr(holder, attributes.get(one.name, one.name))
            if value != one.default:
                found[one.name] = value
    return found


def _check_numbers(options: FeedingOptions) -> None:
    mean, std = options.mean, options.std
    if options.named is not None and (mean is not None or std is not None):
        raise UserError("--normalize excludes --mean and --std: use one or the other")
    if (mean is None) != (std is None):
        raise UserError("--mean and --std: one is missing")
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and (
            len(values) not in (1, 3) or not all(math.isfinite(value) for value in values)
        ):
            raise UserError(f"--{name}: expected 1 or 3 numbers, of pixels from 0 to 1")
    if std is not None and min(std) <= 0:
        raise UserError(f"--std {min(std):g}: expected numbers above 0")
    if mean is not None and std is not None and (max(std) > 10 or max(mean) > 1):
        raise UserError("--mean and --std are of pixels from 0 to 1; divide them by 255")
    if options.pixels == "-1..1" and (mean is not None or options.named not in (None, "none")):
        raise UserError(
            "--pixels -1..1 is a normalization itself (--normalize 0.5): leave out the other one"
        )
    if options.resize in ("squash", "pad") and options.crop_pct is not None:
        raise UserError(f"--crop-pct is for --resize crop, not {options.resize}")
