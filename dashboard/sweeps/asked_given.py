"""What the form of given models asks: its fields as options of ``sweep``, checked as those."""

from typing import Any

from analysis.cli.given_models import asked_from
from analysis.command import option_words
from analysis.given.asked import NORMALIZATIONS
from analysis.manifest import Manifest
from dashboard.sweeps import asked, trust

OWN_NUMBERS = "own"
_SIZES = ("input_size", "train_limit", "test_limit")
_LISTS = ("mean", "std")


def options(filled: dict[str, Any]) -> dict[str, Any]:
    """Options of the command from the fields of the form, what is left out left out."""
    normalize = filled["normalize"]
    given = {
        "name": asked.text(filled["name"]),
        "dataset": asked.spec(filled["kind"], filled["place"]),
        "normalize": None if normalize == OWN_NUMBERS else normalize,
        **{name: filled[name] for name in (*_SIZES, "paired", "workers")},
        "corruptions": [f"{name}={filled['severity']}" for name in filled["corruptions"]],
    }
    if normalize == OWN_NUMBERS:
        given |= {name: _numbers(filled[name]) for name in _LISTS}
    given["models"] = [line.strip() for line in (filled["models"] or "").splitlines()]
    given["models"] = [line for line in given["models"] if line]
    return {name: value for name, value in given.items() if not asked.is_left_out(value)}


def words(given: dict[str, Any]) -> list[str]:
    """Words of the command with these options, verb first."""
    plain = {name: value for name, value in given.items() if name not in (*_LISTS, "models")}
    found = option_words(plain)
    for name in (*_LISTS, "models"):
        if name in given:
            found += [f"--{name}", *map(str, given[name])]
    return found


def checked(given: dict[str, Any]) -> str:
    """Return the name of the sweep.

    Raises
    ------
    UserError
        What the command line would say before it looks at data and models; or a model is code,
        which this dashboard does not run.
    """
    name = asked_from(given).name
    trust.check(words(given))
    return name


def lacking(filled: dict[str, Any], given: dict[str, Any]) -> str | None:
    """Say what is not filled in yet; None where all is."""
    if "models" not in given:
        return "The models are still missing."
    if asked.lacks_place(filled["kind"], filled["place"]):
        return "The place of the dataset is still missing."
    return None


def filled_from(manifest: Manifest) -> dict[str, Any]:
    """Return what the form says of a sweep of given models, to be started again or added to.

    What the form cannot hold, as a damaged manifest may say it, is left at its default.

    Raises
    ------
    UserError
        What the manifest says of its models cannot be read.
    """
    from analysis.datasets import dataset_kinds

    said = manifest.config.get("options", {})
    kind, _, place = str(said.get("dataset", "")).partition(":")
    numbers = {name: said.get(name) for name in _LISTS}
    has_numbers = all(isinstance(values, list) for values in numbers.values())
    normalize = OWN_NUMBERS if has_numbers else said.get("normalize")
    return {
        "name": manifest.name,
        "kind": kind if kind in dataset_kinds() else "folder",
        "place": place,
        "normalize": normalize if normalize in (*NORMALIZATIONS, OWN_NUMBERS) else "",
        **{name: " ".join(map(str, numbers[name])) if has_numbers else "" for name in _LISTS},
        **{name: _size(said.get(name)) for name in _SIZES},
        "paired": said.get("paired") is True,
        "models": "\n".join(trust.models_of(manifest)),
    }


def _size(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _numbers(text: str | None) -> list[float | str]:
    return [_number(one) for one in asked.text(text).replace(",", " ").split()]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
