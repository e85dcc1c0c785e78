"""Import timm on first use, beside any torchvision, with ``tiny_cnn`` among its models.

torchvision on PyPI is a CUDA build; beside a CPU-only torch its operators do not load and ``import
timm`` fails, although none of them is needed here.
"""

import functools
import importlib
import sys
from typing import Any

_LIBRARY: list[Any] = []


@functools.cache
def import_timm() -> Any:
    """Import timm and register ``tiny_cnn`` with it."""
    from analysis.models.tiny_cnn import tiny_cnn

    timm = _import_beside_torchvision()
    timm.models.register_model(tiny_cnn)
    return timm


def _import_beside_torchvision() -> Any:
    """Import timm; if only torchvision's operators are missing, declare them and retry."""
    try:
        return importlib.import_module("timm")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    import torch

    for name in [name for name in sys.modules if name.split(".")[0] in ("torchvision", "timm")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARY.append(library)
    return importlib.import_module("timm")
