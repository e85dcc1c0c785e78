"""Match the weighted nodes of an exported graph to the model's modules."""

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from analysis.errors import RunError

if TYPE_CHECKING:
    import onnx

OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_SCOPES = "pkg.torch.onnx.name_scopes"
_WEIGHT = ".weight"


def layer_nodes(model: "onnx.ModelProto") -> dict[str, str]:
    """Map each layer of an exported graph to its node's name, in order.

    A layer's name is that of its weight in the state dict without ``.weight``; if the exporter
    transposed the weight, that of the node's innermost module.
    """
    stored = {tensor.name for tensor in model.graph.initializer}
    found: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type in OPERATORS and node.input[1] in stored:
            weight = node.input[1]
            name = weight.removesuffix(_WEIGHT) if weight.endswith(_WEIGHT) else _module(node)
            found.setdefault(name or node.name, node.name)
    return found


def _module(node: "onnx.NodeProto") -> str:
    scopes_text = {one.key: one.value for one in node.metadata_props}.get(_SCOPES, "")
    try:
        scopes = ast.literal_eval(scopes_text)
    except (ValueError, SyntaxError):
        return ""
    return str(scopes[-2]) if isinstance(scopes, list) and len(scopes) > 1 else ""


def nodes_of_layers(model: "onnx.ModelProto", layers: Iterable[str]) -> list[str]:
    """Return the nodes of some layers.

    Raises
    ------
    RunError
        The graph has no such layer.
    """
    known = layer_nodes(model)
    for layer in layers:
        if layer not in known:
            raise RunError(
                f"no layer '{layer}' to leave in float; the graph has {', '.join(known)[:300]}"
            )
    return [known[layer] for layer in layers]
