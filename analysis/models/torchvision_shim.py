"""Import timm beside a torchvision built for another torch.

torchvision on PyPI is a CUDA build; beside a CPU-only torch its operators do not load and ``import
timm`` fails, although none of them is needed here.
"""

import importlib
import sys
from typing import Any

_LIBRARY: list[Any] = []


def import_timm() -> Any:
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
