"""Read checkpoints without unpickling other objects, and load them into a model."""

import pickle
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from analysis.errors import UserError, one_line
from analysis.models.weights import head_modules

State = dict[str, torch.Tensor]
_NESTED = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "model.", "_orig_mod.")
_NAMED = 3


def read_checkpoint(path: str) -> State:
    """Read a state dict from a safetensors file, or from a torch file that holds tensors only.

    A state dict may be nested under ``state_dict``, ``model_state_dict`` or ``model``.

    Raises
    ------
    UserError
        The file is missing, damaged, or holds anything but tensors and plain values.
    """
    where = f"--checkpoint {path}"
    try:
        if path.endswith(".safetensors"):
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old forms of pickle
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{where}: no such file") from None
    except pickle.UnpicklingError:
        raise UserError(
            f"{where} is damaged, or holds pickled objects besides tensors, which can run any "
            "code: it is not opened; save model.state_dict() instead, best as safetensors"
        ) from None
    except Exception as error:
        # A damaged file can raise any exception.
        reason = one_line(error)
        raise UserError(f"{where} cannot be read: {reason}") from None
    return _tensors(content, where)


def _tensors(content: Any, where: str) -> State:
    while isinstance(content, Mapping):
        nested = next((n for n in _NESTED if isinstance(content.get(n), Mapping)), None)
        if nested is None:
            break
        content = content[nested]
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"{where} has no state dict: expected tensors by name")
    other = [str(key) for key, value in content.items() if not isinstance(value, torch.Tensor)]
    if other:
        raise UserError(f"{where} has no state dict: {_first(other)} are not tensors")
    return dict(content)


def load_checkpoint(model: nn.Module, state: State, path: str) -> str | None:
    """Load a state dict into a model; return a remark on unused weights.

    A common prefix of all names (``module.``, ``model.``) is removed. The head keeps its random
    weights if the file has none, or one for another number of classes.

    Raises
    ------
    UserError
        Other weights are missing, superfluous or of another shape; the message has some names.
    """
    expected = model.state_dict()
    loaded = _without_prefix(state, expected)
    head = _head_names(model)
    fits = {
        name: t
        for name, t in loaded.items()
        if name in expected and t.shape == expected[name].shape
    }
    # Batch counters, missing in files of old versions of torch.
    optional = {name for name in expected if name.endswith("num_batches_tracked")}
    head_left = {name for name in head if name not in fits}
    if head_left:
        # Load the head completely or not at all.
        fits = {name: t for name, t in fits.items() if name not in head}
    missing = sorted(expected.keys() - loaded.keys() - head - optional)
    shaped = sorted((loaded.keys() & expected.keys()) - fits.keys() - head)
    unknown = sorted(loaded.keys() - expected.keys() - head)
    for names, what in (
        (missing, "not in the file"),
        (unknown, "not in the model"),
        (shaped, "of another shape in the model"),
    ):
        if names:
            raise UserError(f"--checkpoint {path} does not fit the model; {what}: {_first(names)}")
    model.load_state_dict(fits, strict=False)
    if not head_left:
        return None
    classes = next((len(loaded[name]) for name in sorted(head_left) if name in loaded), None)
    found = "none" if classes is None else f"one of {classes} classes"
    return f"the head is a new one: the checkpoint has {found}"


def classes_and_channels(model: nn.Module, state: State) -> tuple[int | None, int | None]:
    """Return the classes of a state dict's head and the channels of its first convolution.

    They are None if the state dict lacks the tensor.

    Parameters
    ----------
    model : Module
        A model of the same architecture, with any number of classes and channels.
    state : dict
        The state dict.
    """
    tensors = _without_prefix(state, model.state_dict())
    heads = [tensors[name] for name in sorted(_head_names(model)) if name in tensors]
    classes = next((len(tensor) for tensor in heads if tensor.ndim), None)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            weight = tensors.get(f"{name}.weight")
            if weight is None or weight.ndim != 4:
                return classes, None
            return classes, int(weight.shape[1]) * module.groups
    return classes, None


def _without_prefix(state: State, own: Mapping[str, torch.Tensor]) -> State:
    while True:
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None)
        if prefix is None or any(name.startswith(prefix) for name in own):
            return state
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def _head_names(model: nn.Module) -> set[str]:
    heads = {id(module) for module in head_modules(model)}
    return {
        f"{name}.{key}"
        for name, module in model.named_modules()
        if id(module) in heads
        for key in module.state_dict()
    }


def _first(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
