"""Weight-only quantization: weights stored as int8 or int4, computed in float32."""

import copy

from analysis.compression.registry import register
from analysis.compression.trained import Batch, Compressed, Trained, torch_predict


@register(
    "int8-weight",
    stage="after-training",
    takes_level=False,
    keeps_layers=True,
    summary="weights stored as int8 with a scale per output channel, computed with in float32",
)
def int8(trained: Trained, _: Batch) -> Compressed:
    """Store the weights of convolutions and linear layers as int8; activations stay float32."""
    return _packed(trained, 8)


@register(
    "int4-weight",
    stage="after-training",
    takes_level=False,
    keeps_layers=True,
    summary="weights stored as int4, two a byte, with a scale per output channel, computed with "
    "in float32",
)
def int4(trained: Trained, _: Batch) -> Compressed:
    """Store the weights of convolutions and linear layers as int4; activations stay float32."""
    return _packed(trained, 4)


def _packed(trained: Trained, bits: int) -> Compressed:
    from analysis.models.packed import pack_weights
    from analysis.models.weights import stored_bytes

    model = copy.deepcopy(trained.model)
    pack_weights(model, bits, but=trained.float_layers)
    return Compressed(
        predict=torch_predict(model.to(trained.device), trained.device),
        size_bytes=stored_bytes(model),
        weight_bits=trained.weight_bits(bits),
        compute_dtype="float32",
    )
