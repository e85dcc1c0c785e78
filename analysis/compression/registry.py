"""The registry of compression methods; their files are discovered, not listed.

A method works either during training (it prunes: from weights and a sparsity it makes masks) or
after training (it quantizes a trained model). The registry and the methods' modules import torch
only when they work, so that listing them is quick.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from analysis.config import DENSE_ID, Variant
from analysis.errors import UserError
from analysis.registry import Registry

Stage = Literal["training", "after-training"]
Removes = Literal["weights", "channels"]
Need = Literal["gradients", "generator", "graph"]
_FILES: set[Path] = set()


@dataclass(frozen=True)
class Method:
    """A registered method.

    ``work`` of a training method is ``masks(weights, sparsity) -> masks``, and of one that removes
    channels ``scores(group) -> scores``; of a method after training it is ``compress(trained,
    calibration) -> Compressed``. ``needs`` lists further keyword arguments of masks: ``gradients``,
    the mean absolute gradient of every weight, or ``generator``, the run's own random numbers; a
    method after training that uses the ONNX graph needs ``graph``. ``sparsity`` is the target of a
    training method without a level. ``keeps_layers``: a method after training leaves
    ``float_layers`` in float.
    """

    name: str
    stage: Stage
    takes_level: bool
    summary: str
    work: Callable[..., Any]
    needs: tuple[Need, ...] = ()
    removes: Removes = "weights"
    sparsity: float | None = None
    keeps_layers: bool = False


_METHODS = Registry[Method]("analysis.compression", "compression method")


def register(
    name: str,
    *,
    stage: Stage,
    takes_level: bool,
    summary: str,
    needs: tuple[Need, ...] = (),
    removes: Removes = "weights",
    sparsity: float | None = None,
    keeps_layers: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a compression method under a name.

    Parameters
    ----------
    name : str
        Its name on the command line.
    stage : {"training", "after-training"}
        Whether it prunes during training or compresses a trained model.
    takes_level : bool
        Whether its variants have a level, such as a sparsity.
    summary : str
        Its effect, in a few words.
    needs : tuple of str
        Further arguments: ``gradients``, ``generator``, ``graph``.
    removes : {"weights", "channels"}
        The unit of its level.
    sparsity : float, optional
        Target sparsity of a method that prunes without a level, 0..1.
    keeps_layers : bool
        Whether a method after training leaves ``float_layers`` in float.

    Raises
    ------
    ValueError
        The name is registered already, or a method that prunes without a level has no sparsity.
    """

    def add(work: Callable[..., Any]) -> Callable[..., Any]:
        if name == DENSE_ID:
            raise ValueError(f"'{DENSE_ID}' is the name of the uncompressed model")
        if (stage == "training" and not takes_level) != (sparsity is not None):
            raise ValueError(
                f"compression method '{name}': 'sparsity' is for methods of training without a "
                "level, and those need it"
            )
        made = Method(
            name, stage, takes_level, summary, work, needs, removes, sparsity, keeps_layers
        )
        _METHODS.add(name, made)
        return work

    return add


def methods() -> dict[str, Method]:
    """Return all registered methods by name."""
    return _METHODS.all()


def load_files(paths: Iterable[str]) -> None:
    """Run Python files that register user methods, each once per process.

    Raises
    ------
    UserError
        A file is missing, fails, registers nothing, or a name in it is registered already.
    """
    for path in paths:
        file = Path(path).resolve()
        if file not in _FILES:
            _load_file(file)
            _FILES.add(file)


def _load_file(file: Path) -> None:
    before = methods()
    loader = importlib.util.spec_from_file_location(f"lethe_method_{file.stem}", file)
    if not file.is_file() or loader is None or loader.loader is None:
        raise UserError(f"--method-file {file}: no such Python file")
    try:
        loader.loader.exec_module(importlib.util.module_from_spec(loader))
    except Exception as error:
        # Undo registrations, so that the corrected file can be loaded in this process.
        for name in methods().keys() - before.keys():
            _METHODS.remove(name)
        raise UserError(f"--method-file {file} cannot be used: {error}") from error
    if methods().keys() == before.keys():
        raise UserError(
            f"--method-file {file} registers no method; see docs/methods.md for an example"
        )


def method(name: str) -> Method:
    """Return one method.

    Raises
    ------
    UserError
        The name is unknown; the message lists the known ones.
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
        A method is unknown, a level is missing or superfluous, or the steps do not combine: at most
        one method of training, then at most one after training.
    """
    stages = []
    for step in variant.steps:
        found = method(step.method)
        if found.takes_level and step.level is None:
            raise UserError(f"variant '{step.method}' needs a level: {step.method}=0.9")
        if not found.takes_level and step.level is not None:
            raise UserError(f"variant '{step.method}' takes no level; write {step.method}")
        if step.float_layers and not found.keeps_layers:
            able = ", ".join(name for name, one in methods().items() if one.keeps_layers)
            raise UserError(
                f"variant '{step.step_id}': {step.method} leaves no layer in float; expected one "
                f"of {able}"
            )
        stages.append(found.stage)
    if stages not in ([], ["training"], ["after-training"], ["training", "after-training"]):
        raise UserError(
            f"variant '{variant.variant_id}': expected one pruning method, one quantization "
            "method, or the first followed by the second"
        )


def trained_part(variant: Variant) -> Variant:
    """Return the trained variant that quantization starts from."""
    steps = [step for step in variant.steps if method(step.method).stage == "training"]
    return Variant(tuple(steps))


def target_sparsity_of(variant: Variant) -> float | None:
    """Return the target sparsity of a variant: 0 for dense, None without pruning.

    For methods that remove channels it is the share of the channels.
    """
    if variant.is_dense:
        return 0.0
    for step in trained_part(variant).steps:
        return method(step.method).sparsity if step.level is None else step.level
    return None


def quantization(variant: Variant) -> Method | None:
    """Return the method applied after training, if any."""
    found = [method(step.method) for step in variant.steps]
    return next((m for m in found if m.stage == "after-training"), None)


def needs_graph(variant: Variant) -> bool:
    """Return whether a variant starts from the ONNX graph of its model."""
    found = quantization(variant)
    return found is not None and "graph" in found.needs
