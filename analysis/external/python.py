"""Open ``module:function``, a Python callable that makes the model; its code is run."""

import hashlib
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from analysis.errors import UserError, one_line
from analysis.external.model import Loaded, Needed
from analysis.external.registry import register
from analysis.external.session import session_options
from analysis.external.torch_modules import (
    arrays,
    figures_of_module,
    input_dtype,
    is_batch_dependent,
    runner,
    to_device,
)
from analysis.models.penultimate import module_features


@register("function")
def open_function(where: str, needed: Needed) -> Loaded:
    """Call the function without arguments; open the module or function it returns.

    A module takes tensors, a function NumPy arrays [N, C, H, W].

    Raises
    ------
    UserError
        The function cannot be imported, fails, or returns neither.
    """
    session_options(needed.session_options, {}, "a function")
    name, _, attribute = where.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"module '{name}' cannot be imported ({one_line(error)}); it is looked for in this "
            "folder and in PYTHONPATH"
        ) from None
    except Exception as error:
        raise UserError(f"module '{name}' fails: {one_line(error)}") from error
    make = getattr(module, attribute, None)
    if not callable(make):
        raise UserError(f"module '{name}' has no function '{attribute}'")
    model = make if isinstance(make, nn.Module) else _call(make)
    file = Path(getattr(module, "__file__", None) or "")
    digest = hashlib.sha256(file.read_bytes() if file.is_file() else name.encode()).hexdigest()
    note = f"ran the code of {where}; only that module's own file is compared with later runs"
    if isinstance(model, nn.Module):
        notes = (note, *_in_evaluation(model))
        first = next(iter(model.parameters()), None)
        dtype = torch.float32 if first is None else first.dtype
        shape = (None, None, None, None)
        figures = figures_of_module(model)
        run = runner(to_device(model, needed.device), needed.device)
        return Loaded(
            run, digest, figures, shape, input_dtype(dtype), notes=notes,
            is_batch_dependent=is_batch_dependent(model),
            penultimate=lambda _: module_features(model, needed.device),
        )  # fmt: skip
    if not callable(model):
        raise UserError(
            f"'{attribute}' returned {type(model).__name__}; expected a torch.nn.Module, or a "
            "function from images to logits"
        )
    return Loaded(
        lambda images: arrays(model(images)), digest, shape=(None, None, None, None), notes=(note,)
    )


def _in_evaluation(module: nn.Module) -> tuple[str, ...]:
    """Set a module to evaluation mode; a module of torch.export keeps its exported mode."""
    try:
        module.eval()
    except NotImplementedError:
        return ("an exported module, run in the mode of its export",)
    return ()


def _call(make: Any) -> Any:
    try:
        return make()
    except Exception as error:
        raise UserError(f"the function fails: {one_line(error)}") from error
