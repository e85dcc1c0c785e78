"""``module:function``: a Python callable that makes the model; its code is run."""

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
    fed,
    figures_of_module,
    is_batch_dependent,
    runner,
    to_device,
)
from analysis.models.penultimate import module_features


@register("function")
def open_function(where: str, needed: Needed) -> Loaded:
    """Call the function, without arguments, and take the module or the function it returns.

    A module is given tensors, a function NumPy arrays [N, C, H, W].

    Raises
    ------
    UserError
        It cannot be imported or fails, or returns neither.
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
    made = make if isinstance(make, nn.Module) else _called(make)
    file = Path(getattr(module, "__file__", None) or "")
    digest = hashlib.sha256(file.read_bytes() if file.is_file() else name.encode()).hexdigest()
    note = f"ran the code of {where}; only that module's own file is compared with later runs"
    if isinstance(made, nn.Module):
        notes = (note, *_in_evaluation(made))
        first = next(iter(made.parameters()), None)
        dtype = torch.float32 if first is None else first.dtype
        shape = (None, None, None, None)
        figures = figures_of_module(made)
        run = runner(to_device(made, needed.device), needed.device)
        return Loaded(
            run, digest, figures, shape, fed(dtype), notes=notes,
            is_batch_dependent=is_batch_dependent(made),
            penultimate=lambda _: module_features(made, needed.device),
        )  # fmt: skip
    if not callable(made):
        raise UserError(
            f"'{attribute}' returned {type(made).__name__}; expected a torch.nn.Module, or a "
            "function from images to logits"
        )
    return Loaded(
        lambda images: arrays(made(images)), digest, shape=(None, None, None, None), notes=(note,)
    )


def _in_evaluation(module: nn.Module) -> tuple[str, ...]:
    """Put a module into evaluation mode; one of torch.export has its mode from there."""
    try:
        module.eval()
    except NotImplementedError:
        return ("an exported module, which is run in the mode it was exported in",)
    return ()


def _called(make: Any) -> Any:
    try:
        return make()
    except Exception as error:
        raise UserError(f"the function fails: {one_line(error)}") from error
