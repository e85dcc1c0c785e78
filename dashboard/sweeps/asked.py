"""What the form asks: its fields as options of ``sweep``, checked as those of the command."""

from collections.abc import Iterable
from typing import Any

from analysis.cli.sweep_options import sweep_from
from analysis.command import option_words
from analysis.config import Sweep, Training
from analysis.plan import asked_variants

_USUAL = Training()
# What a field is called in the form is what the option is called, except for these.
_TRAINING = ("epochs", "batch_size", "lr", "schedule", "paired")
_DATA = ("train_limit", "test_limit", "image_size", "workers")


def options(filled: dict[str, Any]) -> dict[str, Any]:
    """Options of ``sweep`` from the fields of the form, those at their default left out."""
    given: dict[str, Any] = {
        "name": text(filled["name"]) or None,
        "dataset": spec(filled["kind"], filled["place"]),
        "model": text(filled["model"]) or None,
        "variants": variants(
            filled["pruning"], filled["levels"], filled["quantization"], filled["more"]
        ),
        "seeds": filled["seeds"],
        "pretrained": filled["pretrained"],
    }
    for name in _TRAINING:
        given[name] = filled[name] if filled[name] != getattr(_USUAL, name) else None
    given |= {name: filled[name] for name in _DATA}
    severity = filled["severity"]
    given["corruptions"] = [f"{name}={severity}" for name in filled["corruptions"]]
    return {name: value for name, value in given.items() if not is_left_out(value)}


def words(given: dict[str, Any]) -> list[str]:
    """Words of the command with these options, verb first."""
    return option_words(given)


def checked(given: dict[str, Any]) -> Sweep:
    """Return the sweep that the options ask for.

    Raises
    ------
    UserError
        What the command line would say of them before it looks at the data.
    """
    sweep = sweep_from(given)
    asked_variants(sweep)
    return sweep


def spec(kind: str, place: str | None) -> str:
    """Write ``KIND[:PLACE]``."""
    where = text(place)
    return f"{kind}:{where}" if where and not is_embedded(kind) else kind


def is_embedded(kind: str) -> bool:
    """Whether a dataset comes with Lethe's libraries, so that it has no place."""
    return kind.startswith("digits")


def lacks_place(kind: str | None, place: str | None) -> bool:
    """Whether a dataset of this kind is nowhere without a place, and has none."""
    is_needed = bool(kind) and not is_embedded(str(kind)) and kind != "fashion-mnist"
    return is_needed and not text(place)


def variants(
    pruning: Iterable[str], levels: str | None, quantization: Iterable[str], more: Iterable[str]
) -> list[str]:
    """Write ``METHOD=LEVEL,LEVEL`` for every pruning method that takes levels, then the others."""
    from analysis.compression.registry import methods

    known = methods()
    shares = ",".join(part for part in text(levels).replace(",", " ").split())
    pruned = [
        f"{name}={shares}" if shares and known[name].takes_level else name
        for name in pruning
        if name in known
    ]
    return [*pruned, *quantization, *(one for one in map(text, more) if one)]


def is_left_out(value: Any) -> bool:
    """Whether a field was left empty; a nought is a value, to be refused where it cannot be."""
    return value is None or value is False or value in ("", [])


def text(value: str | None) -> str:
    """Return what was typed into a field, without the blanks around it."""
    return (value or "").strip()
