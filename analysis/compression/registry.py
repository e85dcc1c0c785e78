"""The compression methods by name; their files are found, not listed.

A method works either during training (it prunes: given weights and a sparsity, it says which to
keep) or after training (it quantizes: given a trained model, it makes a smaller one). The registry
and the methods' modules import torch only where they work, so that listing them is quick.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from analysis.config import DENSE_ID, Variant
from analysis.errors import UserError

Stage = Literal["training", "after-training"]
_METHODS: dict[str, "Method"] = {}
_PACKAGE = "analysis.compression"


@dataclass(frozen=True)
class Method:
    """A registered method.

    ``work`` of a training method is ``masks(weights, sparsity) -> masks``; of a method after
    training it is ``compress(trained, calibration) -> Compressed``.
    """

    name: str
    stage: Stage
    takes_level: bool
    summary: str
    work: Callable[..., Any]


def register(
    name: str, *, stage: Stage, takes_level: bool, summary: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a compression method under a name.

    Raises
    ------
    ValueError
        The name is taken.
    """

    def add(work: Callable[..., Any]) -> Callable[..., Any]:
        if name in _METHODS or name == DENSE_ID:
            raise ValueError(f"compression method '{name}' is registered already")
        _METHODS[name] = Method(name, stage, takes_level, summary, work)
        return work

    return add


def methods() -> dict[str, Method]:
    """Return all registered methods by name."""
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__, f"{_PACKAGE}."):
        importlib.import_module(module.name)
    return dict(_METHODS)


def method(name: str) -> Method:
    """Return one method.

    Raises
    ------
    UserError
        There is none of that name; the message lists those there are.
    """
    known = methods()
    if name not in known:
        raise UserError(f"variant '{name}': unknown method; expected one of {', '.join(known)}")
    return known[name]


def check_variant(variant: Variant) -> None:
    """Check a variant against the registry.

    Raises
    ------
    UserError
        A method is unknown, lacks its level or has one too many, or the steps do not combine: one
        method of training at most, then one after training at most.
    """
    stages = []
    for step in variant.steps:
        found = method(step.method)
        if found.takes_level and step.level is None:
            raise UserError(f"variant '{step.method}' needs a level: {step.method}=0.9")
        if not found.takes_level and step.level is not None:
            raise UserError(f"variant '{step.method}' takes no level; write {step.method}")
        stages.append(found.stage)
    if stages not in ([], ["training"], ["after-training"], ["training", "after-training"]):
        raise UserError(
            f"variant '{variant.variant_id}': expected one pruning method, one quantization "
            "method, or the first followed by the second"
        )


def trained_part(variant: Variant) -> Variant:
    """Return the variant that is trained before what comes after training is applied."""
    steps = [step for step in variant.steps if method(step.method).stage == "training"]
    return Variant(tuple(steps))


def quantization(variant: Variant) -> Method | None:
    """Return the method that is applied after training, if any."""
    found = [method(step.method) for step in variant.steps]
    return next((m for m in found if m.stage == "after-training"), None)
