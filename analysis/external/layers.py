"""Restore layers of a quantized ONNX file to those of the float file.

The graphs may come from any tool: no quantizer's conventions are assumed, and layers that cannot be
matched are refused.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from analysis.compression.layers import OPERATORS
from analysis.errors import UserError
from analysis.external.evaluate import ExternalContext, predicted_by
from analysis.external.fit import Fit
from analysis.external.onnx import open_onnx
from analysis.external.onnx_weights import figures_of_graph
from analysis.external.spec import ModelFile
from analysis.training.messages import Layer, LayerAnswer

_SIMILAR = 0.9
_WEIGHT = ".weight"
# Quantizers drop these if the integer range that follows clips as much.
_CLIPPING = ("Relu", "Clip")


@dataclass(frozen=True)
class _Match:
    """A quantized layer: its node's index, and its node in the float file."""

    index: int
    layer: Layer
    float_node: "_Node"


def layers_of_pair(dense: ModelFile, compressed: ModelFile) -> list[Layer]:
    """List the layers of a quantized file that can be restored to float, in order.

    Raises
    ------
    UserError
        A file is not ONNX, or the compressed one has no QDQ layer or no matching layers.
    """
    return [one.layer for one in _matched(dense, compressed)[1]]


def answer_of_pair(
    context: tuple[Any, ...], fit: Fit, dense: Fit, names: tuple[str, ...]
) -> LayerAnswer:
    """Predict all test images with a quantized file after restoring some layers to float."""
    external = ExternalContext(*context)
    model, matches = _matched(dense.signature.model, fit.signature.model)
    restored = _restored(model, [one for one in matches if one.layer.name in names])
    with tempfile.TemporaryDirectory(prefix="lethe-") as folder:
        path = Path(folder) / "restored.onnx"
        path.write_bytes(restored.SerializeToString())
        loaded = open_onnx(str(path), external.needed[fit.key])
        prediction = predicted_by(loaded, fit, external.arrays.pixels(fit.pixels))
    return LayerAnswer(prediction, figures_of_graph(restored).size_bytes or 0)


@lru_cache(maxsize=1)
def _matched(dense: ModelFile, compressed: ModelFile) -> tuple[Any, list[_Match]]:
    import onnx

    for one in (dense, compressed):
        if one.kind != "onnx":
            raise UserError(
                f"{one.label}: only layers of ONNX files can be restored; export the float model "
                "to ONNX, quantize it with ONNX Runtime's quantize_static (QDQ), and pass both to "
                "'sweep --models dense=NET.onnx int8=NET-int8.onnx'"
            )
    float_model, quantized = onnx.load(dense.where), onnx.load(compressed.where)
    float_layers, layers = _layers(float_model), _layers(quantized)
    if _norms(float_model) > _norms(quantized):  # a quantizer folds them into the layers before
        import onnxscript.optimizer

        float_model = onnxscript.optimizer.optimize(float_model)
        float_layers = _layers(float_model)
    quantized_layers = [one for one in layers if one.is_quantized]
    if not quantized_layers:
        raise UserError(
            f"{compressed.label} has no layer between QuantizeLinear and DequantizeLinear: write "
            "it in the format QDQ (quant_format=QuantFormat.QDQ), which keeps layers separate"
        )
    pairs = _paired(float_layers, layers, compressed)
    _check_alike([(pairs[one.index], one) for one in quantized_layers], dense, compressed)
    names = _names([pairs[one.index] for one in quantized_layers])
    return quantized, [
        _Match(one.index, Layer(name, one.name), pairs[one.index])
        for one, name in zip(quantized_layers, names, strict=True)
    ]


@dataclass(frozen=True)
class _Node:
    """A node with weights: its index and names, and its dequantized weight and bias.

    ``before`` is the preceding activation function with its bounds.
    """

    index: int
    name: str
    weight_name: str
    operator: str
    weight: Any
    bias: Any
    is_quantized: bool
    before: tuple[Any, tuple[Any, ...]] | None


def _layers(model: Any) -> list[_Node]:
    from onnx import numpy_helper

    stored = {one.name: one for one in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}

    def value(name: str) -> tuple[Any, bool]:
        """Return an initializer, through a quantizer pair if there is one."""
        if name in stored:
            return np.asarray(numpy_helper.to_array(stored[name])), False
        maker = makers.get(name)
        if maker is None or maker.op_type not in ("DequantizeLinear", "QuantizeLinear"):
            return None, False
        inner, _ = value(maker.input[0])
        if inner is None:
            return None, False
        if maker.op_type == "QuantizeLinear":
            return inner, True
        return (inner if inner.dtype.kind == "f" else _unpacked(maker, inner, stored)), True

    found = []
    for index, node in enumerate(model.graph.node):
        if node.op_type in OPERATORS and len(node.input) > 1:
            weight, is_quantized = value(node.input[1])
            if weight is not None:
                has_bias = len(node.input) > 2 and node.input[2]
                bias = value(node.input[2])[0] if has_bias else None
                before = _activation(makers.get(node.input[0]), stored, makers)
                found.append(
                    _Node(
                        index, node.name, node.input[1], node.op_type, weight, bias, is_quantized,
                        before,
                    )
                )  # fmt: skip
    return found


def _activation(
    node: Any, stored: dict[str, Any], makers: dict[str, Any]
) -> tuple[Any, tuple[Any, ...]] | None:
    """Return a clipping node with its bounds; None for nodes of another kind."""
    from onnx import numpy_helper

    if node is None or node.op_type not in _CLIPPING:
        return None
    bounds = []
    for name in node.input[1:]:
        tensor = stored.get(name)
        if tensor is None and name in makers and makers[name].op_type == "Constant":
            tensor = next((one.t for one in makers[name].attribute if one.name == "value"), None)
        if name and tensor is None:
            return None
        bounds.append(numpy_helper.to_array(tensor) if tensor is not None else None)
    return node, tuple(bounds)


def _unpacked(node: Any, values: Any, stored: dict[str, Any]) -> Any:
    """Dequantize stored integers; return None if the scale is not stored."""
    from onnx import numpy_helper

    if any(name not in stored for name in node.input[1:] if name):
        return None
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    scale, *zero = (numpy_helper.to_array(stored[name]) for name in node.input[1:] if name)

    def spread(one: Any) -> Any:
        if np.size(one) == 1 or values.ndim == 0:
            return np.reshape(one, -1)[0]
        return np.reshape(one, [-1 if i == axis % values.ndim else 1 for i in range(values.ndim)])

    try:
        offset = spread(zero[0]).astype(np.float32) if zero else np.float32(0)
        return (values.astype(np.float32) - offset) * spread(scale).astype(np.float32)
    except ValueError:
        return None  # blockwise scales are not supported


def _norms(model: Any) -> int:
    return sum(node.op_type == "BatchNormalization" for node in model.graph.node)


def _paired(
    left: Sequence[_Node], right: Sequence[_Node], compressed: ModelFile
) -> dict[int, _Node]:
    """Match each layer to its float layer by node name, else by order."""
    named = {one.name: one for one in left if one.name}
    by_name = {one.index: named[one.name] for one in right if one.name in named}
    is_named = len(named) == len(left) and len(by_name) == len(right)
    if is_named and all(_is_like(by_name[one.index], one) for one in right):
        return by_name
    if len(left) == len(right) and all(map(_is_like, left, right)):
        return {theirs.index: ours for ours, theirs in zip(left, right, strict=True)}
    raise UserError(
        f"{compressed.label}: its layers cannot be matched: dense has {len(left)} with weights "
        f"and it has {len(right)}, and neither the names of their nodes nor their order and shapes "
        "agree; quantize the dense file itself"
    )


def _is_like(left: _Node, right: _Node) -> bool:
    return bool(left.operator == right.operator and left.weight.shape == right.weight.shape)


def _check_alike(
    pairs: Sequence[tuple[_Node, _Node]], dense: ModelFile, compressed: ModelFile
) -> None:
    """Check that the weights of most layers are those of the float file, rounded."""
    likeness = []
    for ours, theirs in pairs:
        a, b = (np.asarray(one.weight, np.float64).ravel() for one in (ours, theirs))
        size = float(np.linalg.norm(a) * np.linalg.norm(b))
        likeness.append(float(a @ b) / size if size else 0.0)
    if np.median(likeness) < _SIMILAR:
        raise UserError(
            f"{compressed.label} does not have the rounded weights of {dense.label}: it was made "
            "from another model, or its layers are in another order; quantize the dense file itself"
        )


def _names(layers: Sequence[_Node]) -> list[str]:
    """Return unique layer names: the weight's without ``.weight``, else the node's."""
    found: list[str] = []
    for one in layers:
        named = one.weight_name.endswith(_WEIGHT)
        plain = one.weight_name.removesuffix(_WEIGHT) if named else one.name or one.weight_name
        name, n = plain, 1
        while name in found:
            n += 1
            name = f"{plain} ({n})"
        found.append(name)
    return found


def _restored(model: Any, matches: Sequence[_Match]) -> Any:
    """Copy a quantized model and restore the float weights, biases and inputs of some layers."""
    restored = type(model)()
    restored.CopyFrom(model)
    graph = restored.graph
    makers = {name: node for node in graph.node for name in node.output}
    new = _NewNames({one.name for one in graph.initializer} | makers.keys())
    nodes = [(graph.node[match.index], match.float_node) for match in matches]
    for node, float_node in nodes:
        for operand, values in ((1, float_node.weight), (2, float_node.bias)):
            if values is not None and operand < len(node.input):
                node.input[operand] = _stored(graph, new, values)
        node.input[0] = _float_input(graph, node, float_node, makers, new)
    for node, _ in nodes:
        _skip_last_pair(graph, node)
    _drop_unused(graph)
    return restored


class _NewNames:
    """Generate unused tensor names for a graph."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken

    def __call__(self) -> str:
        n = len(self._taken)
        while f"float_{n}" in self._taken:
            n += 1
        self._taken.add(f"float_{n}")
        return f"float_{n}"


def _stored(graph: Any, new: _NewNames, values: Any) -> str:
    from onnx import numpy_helper

    name = new()
    whole = np.ascontiguousarray(values, np.float32).reshape(np.shape(values))
    graph.initializer.append(numpy_helper.from_array(whole, name))
    return name


def _float_input(
    graph: Any, node: Any, float_node: _Node, makers: dict[str, Any], new: _NewNames
) -> str:
    """Return the name of a layer's unquantized input, clipped as in the float file."""
    name = _before_pair(node.input[0], makers)
    maker = makers.get(name)
    if name == node.input[0] or float_node.before is None:
        return name
    cut, bounds = float_node.before
    if maker is not None and maker.op_type == cut.op_type:
        return name
    added = type(cut)()
    added.CopyFrom(cut)
    output, operands = (
        new(),
        [_stored(graph, new, one) if one is not None else "" for one in bounds],
    )
    del added.input[:], added.output[:]
    added.input.extend([name, *operands])
    added.output.append(output)
    added.name = output
    index = next(i for i, one in enumerate(graph.node) if one.output[0] == node.output[0])
    graph.node.insert(index, added)
    return output


def _before_pair(name: str, makers: dict[str, Any]) -> str:
    """Return the tensor before a quantizer pair, or the tensor itself without a pair."""
    outer = makers.get(name)
    inner = makers.get(outer.input[0]) if outer is not None else None
    is_pair = (
        outer is not None
        and inner is not None
        and (outer.op_type, inner.op_type) == ("DequantizeLinear", "QuantizeLinear")
    )
    return str(inner.input[0]) if is_pair and inner is not None else name


def _skip_last_pair(graph: Any, node: Any) -> None:
    """Make a layer the graph's output if only a quantizer pair lies between."""
    outputs = {one.name for one in graph.output}
    users = [one for one in graph.node if node.output[0] in one.input]
    if len(users) != 1 or users[0].op_type != "QuantizeLinear" or node.output[0] in outputs:
        return
    last = [one for one in graph.node if users[0].output[0] in one.input]
    if len(last) == 1 and last[0].op_type == "DequantizeLinear" and last[0].output[0] in outputs:
        others = [one for one in graph.node if last[0].output[0] in one.input]
        if not others:
            node.output[0] = last[0].output[0]
            graph.node.remove(users[0])
            graph.node.remove(last[0])


def _drop_unused(graph: Any) -> None:
    """Remove unused quantizers and initializers."""
    while True:
        read = {name for node in graph.node for name in node.input}
        read |= {one.name for one in graph.output}
        idle = [
            node
            for node in graph.node
            if node.op_type in ("QuantizeLinear", "DequantizeLinear") and not read & {*node.output}
        ]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    stored = [one for one in graph.initializer if one.name in read]
    del graph.initializer[:]
    graph.initializer.extend(stored)
