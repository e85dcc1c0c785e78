"""``.pt2``: programs of ``torch.export``."""

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.ao.quantization.fx._decomposed  # operators of PT2E programs
from torch.export.pt2_archive import _package

from analysis.errors import UserError, one_line
from analysis.external.model import Loaded, Needed
from analysis.external.onnx import read_regular
from analysis.external.registry import register
from analysis.external.torch_modules import fed, figures_of_tensors, runner


@register("exported")
def open_exported(where: str, _: Needed) -> Loaded:
    """Open a program that ``torch.export.save`` wrote.

    Raises
    ------
    UserError
        It is missing, no such file, holds pickled objects besides tensors, or takes more than one
        input.
    """
    content = read_regular(Path(where))
    try:
        with warnings.catch_warnings(), _tensors_alone():
            warnings.simplefilter("ignore")
            program = torch.export.load(io.BytesIO(content))
            module = program.module()
    except _PickledError:
        raise UserError(
            "it holds pickled objects besides tensors, which can run any code: it is not opened"
        ) from None
    except Exception as error:
        raise UserError(f"this is no program of torch.export: {one_line(error)}") from None
    shape, dtype = _input(program)
    figures = figures_of_tensors([*program.state_dict.values(), *_constants(program)])
    return Loaded(runner(module), hashlib.sha256(content).hexdigest(), figures, shape, dtype)


class _PickledError(Exception):
    """A pickle was met."""


@contextmanager
def _tensors_alone() -> Iterator[None]:
    """Let torch's reader unpickle tensors, and nothing else."""
    load = torch.load

    def tensors(*arguments: Any, **options: Any) -> Any:
        try:
            return load(*arguments, **options | {"weights_only": True})
        except Exception as error:
            raise _PickledError from error

    def refuse(*_: Any, **__: Any) -> Any:
        raise _PickledError

    with (
        mock.patch.object(torch, "load", tensors),
        mock.patch.object(torch._C, "_pickle_load_obj", refuse),
        mock.patch.object(_package, "pickle", mock.Mock(loads=refuse, load=refuse)),
    ):
        yield


def _constants(program: Any) -> list[torch.Tensor]:
    return [one for one in program.constants.values() if isinstance(one, torch.Tensor)]


def _input(program: Any) -> tuple[tuple[int | None, ...], str]:
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        some = ", ".join(map(str, names))[:100] or "none"
        raise UserError(f"expected one input, the images; it has {len(names)}: {some}")
    node = next(one for one in program.graph.nodes if one.name == names[0])
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        raise UserError("its input is no tensor")
    shape = tuple(side if isinstance(side, int) else None for side in value.shape)
    return shape, fed(value.dtype)
