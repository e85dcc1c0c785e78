"""Open ``.pt2`` programs of ``torch.export``."""

import hashlib
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import torch

from analysis.errors import UserError, one_line
from analysis.external.files import read_regular
from analysis.external.model import Loaded, Needed
from analysis.external.registry import register
from analysis.external.session import session_options
from analysis.external.torch_modules import check_device, figures_of_tensors, input_dtype, runner
from analysis.models.penultimate import module_features

# torch also unpickles example inputs and objects of any class.
_EXAMPLES = "data/sample_inputs/"


@register("exported")
def open_exported(where: str, needed: Needed) -> Loaded:
    """Open a program that ``torch.export.save`` wrote.

    Raises
    ------
    UserError
        The file is missing, of another kind, holds pickled objects besides tensors, or takes more
        than one input.
    """
    # torch.export takes seconds to import: all openers are imported, and most are not used.
    from torch.export.pt2_archive._package import load_pt2

    session_options(needed.session_options, {}, "a program of torch.export")
    content = read_regular(Path(where))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _check_archive(content)
            program = load_pt2(io.BytesIO(content)).exported_programs["model"]
            module = _on_device(program, needed.device)
    except UserError:
        raise
    except _PickledError:
        raise UserError(
            "it holds pickled objects or compiled code besides tensors, which can run any code: it "
            "is not opened"
        ) from None
    except Exception as error:
        raise UserError(
            f"not a program of torch.export: {one_line(error)}; write it with "
            "'torch.export.save(torch.export.export(model, (images,)), \"model.pt2\")'"
        ) from None
    shape, dtype = _input(program)
    figures = figures_of_tensors([*program.state_dict.values(), *_constants(program)])
    nodes = (f"{one.target}" for one in program.graph.nodes)
    return Loaded(
        runner(module, needed.device),
        hashlib.sha256(content).hexdigest(),
        figures,
        shape,
        dtype,
        is_batch_dependent=any("choose_qparams" in one and "token" not in one for one in nodes),
        penultimate=lambda _: module_features(module, needed.device),
    )


def _on_device(program: Any, device: str) -> Any:
    """Create the module; tensors that the program creates must be moved within it."""
    if device != "cpu":
        from torch.export.passes import move_to_device_pass

        check_device(device)
        program = move_to_device_pass(program, device)
    return program.module()


class _PickledError(Exception):
    """The archive holds a pickle or a compiled library."""


def _check_archive(content: bytes) -> None:
    """Check that torch would unpickle only tensors from an archive.

    The archive is read by torch's own reader, so that both see the same bytes.

    Raises
    ------
    _PickledError
        The archive holds other objects.
    """
    from torch.export.pt2_archive import constants
    from torch.export.pt2_archive._package import PT2ArchiveReader

    objects = (constants.CUSTOM_OBJ_FILENAME_PREFIX, constants.OPAQUE_OBJ_FILENAME_PREFIX)
    with PT2ArchiveReader(io.BytesIO(content)) as archive:
        names = archive.get_file_names()
        if any(name.startswith(constants.AOTINDUCTOR_DIR) for name in names):
            raise _PickledError
        pickled = {
            name
            for name in names
            if name.startswith((constants.WEIGHTS_DIR, constants.CONSTANTS_DIR, _EXAMPLES))
            and name.endswith(".pt")
        }
        for folder, config in ((constants.WEIGHTS_DIR, "_weights_config.json"),
                               (constants.CONSTANTS_DIR, "_constants_config.json")):  # fmt: skip
            for name in names:
                if not name.endswith(config):
                    continue
                for one in json.loads(archive.read_string(name))["config"].values():
                    if one["path_name"].startswith(objects):
                        raise _PickledError
                    if one["use_pickle"]:
                        pickled.add(os.path.join(folder, one["path_name"]))  # as torch joins them
        for name in pickled:
            _check_tensors(archive.read_bytes(name))


def _check_tensors(content: bytes) -> None:
    if not content:
        return
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise _PickledError from error


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
        raise UserError("its input is not a tensor")
    shape = tuple(side if isinstance(side, int) else None for side in value.shape)
    return shape, input_dtype(value.dtype)
