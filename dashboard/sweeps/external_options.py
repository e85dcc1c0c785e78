"""Options of external models from what their form holds, and back from a manifest: no widgets."""

from typing import Any

from analysis.cli.external_models import config_from
from analysis.external.options import (
    NORMALIZATIONS,
    ExternalModelsConfig,
    FeedingOptions,
    OutputOptions,
)
from analysis.options import Written, option_named
from analysis.store.manifest import Manifest
from analysis.sweep.command import option_words
from dashboard.sweeps import fields, trust

OWN_NUMBERS = "own"
# Each group of fields by the dataclass that says their options.
FEEDING = (
    "input_size", "pixels", "channels", "resize", "crop_pct", "interpolation", "layout",
)  # fmt: skip
OUTPUTS = (
    "output", "scores", "classes", "label_offset", "only_labelled", "accept_classes", "dense_top1",
)  # fmt: skip
OTHERS = ("split", "max_value", "time_limit")
OF = {
    **dict.fromkeys(FEEDING, FeedingOptions),
    **dict.fromkeys(OUTPUTS, OutputOptions),
    **dict.fromkeys(OTHERS, ExternalModelsConfig),
}
SIZES = ("train_limit", "test_limit")
NUMBERS = ("mean", "std")
# What ``doctor`` has no option for: it writes no sweep, pairs no runs, and shifts nothing.
_OF_SWEEPS = ("name", "paired", "corruptions")


def options(filled: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the command that the fields of the form say."""
    normalize = filled["normalize"]
    chosen = {
        "name": fields.text(filled["name"]),
        "dataset": fields.spec(filled["kind"], filled["place"]),
        "normalize": None if normalize == OWN_NUMBERS else normalize,
        **{name: _unless_default(name, filled.get(name)) for name in OF},
        "session_option": _lines(filled.get("session_option")),
        **{name: filled[name] for name in (*SIZES, "paired", "workers")},
        "corruptions": [f"{name}={filled['severity']}" for name in filled["corruptions"]],
    }
    if normalize == OWN_NUMBERS:
        chosen |= {name: _numbers(filled[name]) for name in NUMBERS}
    chosen["models"] = _lines(filled["models"])
    return {name: value for name, value in chosen.items() if not fields.is_left_out(value)}


def words(options: dict[str, Any]) -> list[str]:
    """Return the words of the command with these options, verb first."""
    plain = {name: value for name, value in options.items() if name not in (*NUMBERS, "models")}
    found = option_words(plain)
    for name in (*NUMBERS, "models"):
        if name in options:
            found += [f"--{name}", *map(str, options[name])]
    return found


def doctor_words(options: dict[str, Any]) -> list[str]:
    """Return the words of ``doctor`` with these options, verb first, without those it lacks."""
    kept = {name: value for name, value in options.items() if name not in _OF_SWEEPS}
    return ["doctor", *words(kept)[1:]]


def checked(options: dict[str, Any]) -> str:
    """Return the name of the sweep.

    Raises
    ------
    UserError
        What the command line would say before it looks at data and models; or a model is code,
        which this dashboard does not run.
    """
    name = config_from(options).name
    trust.check(words(options))
    return name


def lacking(filled: dict[str, Any], options: dict[str, Any]) -> str | None:
    """Say what is not filled in yet; None where all is."""
    if "models" not in options:
        return "The models are still missing."
    if fields.lacks_place(filled["kind"], filled["place"]):
        return "The place of the dataset is still missing."
    return None


def filled_from(manifest: Manifest) -> dict[str, Any]:
    """Return what the form says of a sweep of external models, to be started again or added to.

    What the form cannot hold, as a damaged manifest may say it, is left at its default.

    Raises
    ------
    UserError
        What the manifest says of its models cannot be read.
    """
    from analysis.datasets import dataset_kinds

    stored = manifest.config.options
    kind, _, place = str(stored.get("dataset", "")).partition(":")
    numbers = {name: stored.get(name) for name in NUMBERS}
    has_numbers = all(isinstance(values, list) for values in numbers.values())
    normalize = OWN_NUMBERS if has_numbers else stored.get("normalize")
    return {
        "name": manifest.name,
        "kind": kind if kind in dataset_kinds() else "folder",
        "place": place,
        "normalize": normalize if normalize in (*NORMALIZATIONS, OWN_NUMBERS) else "",
        **{
            name: " ".join(map(str, numbers[name] or [])) if has_numbers else "" for name in NUMBERS
        },
        **{name: _size(stored.get(name)) for name in SIZES},
        **{name: _usable(name, stored.get(name)) for name in OF},
        "session_option": _as_lines(stored.get("session_option")),
        "paired": stored.get("paired") is True,
        "models": "\n".join(trust.models_of(manifest)),
    }


# Fields that say one thing together: what is advised replaces all of them.
_TOGETHER = (("normalize", *NUMBERS, "pixels"), ("resize", "crop_pct"))


def filled_by(advised: list[str]) -> dict[str, Any]:
    """Return what the fields hold with the options that ``doctor`` advises, as they are typed."""
    advice: dict[str, list[str]] = {}
    for word in advised:
        if word.startswith("--"):
            advice[word[2:].replace("-", "_")] = []
        elif advice:
            advice[list(advice)[-1]].append(word)
    filled: dict[str, Any] = {}
    for group in _TOGETHER:
        if advice.keys() & {*group}:
            filled |= {name: default(name) if name in OF else "" for name in group}
    for name, values in advice.items():
        if name in OF:
            number = {int: int, float: float}.get(about(name).kind, str)
            filled[name] = _usable(name, number(values[0]))
        elif name in ("normalize", *NUMBERS):
            filled[name] = " ".join(values)
    if filled.get(NUMBERS[0]):
        filled["normalize"] = OWN_NUMBERS
    return filled


def about(name: str) -> Written:
    """Return the option of a field."""
    return option_named(OF[name], name)


def default(name: str) -> Any:
    """Return what a field holds at first: empty where each model says it itself."""
    one = about(name)
    return (one.default or "") if one.kind is str else one.default


def _unless_default(name: str, value: Any) -> Any:
    value = fields.text(value) if isinstance(value, str) else value
    return None if value == default(name) else value


def _usable(name: str, value: Any) -> Any:
    """Return a value of a manifest where the field can hold it, else the field's default."""
    one = about(name)
    kinds = (int, float) if one.kind is float else (one.kind,)
    is_right = type(value) in kinds and (not one.about.choices or value in one.about.choices)
    if one.kind in (int, float) and is_right:
        is_right = value >= (one.about.least or 0)
    return value if is_right else default(name)


def _size(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _lines(text: str | None) -> list[str]:
    return [line for line in (one.strip() for one in (text or "").splitlines()) if line]


def _as_lines(values: Any) -> str:
    return "\n".join(map(str, values)) if isinstance(values, list) else ""


def _numbers(text: str | None) -> list[float | str]:
    return [_number(one) for one in fields.text(text).replace(",", " ").split()]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
