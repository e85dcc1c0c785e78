"""Pack weights into few bits, unpacked on use."""

from collections.abc import Collection

import torch
from torch import nn
from torch.nn.utils import parametrize

from analysis.models.weights import layers


def pack_weights(model: nn.Module, bits: int, *, but: Collection[str] = ()) -> None:
    """Pack the weights of all convolutions and linear layers in place.

    Symmetric, one scale an output channel: ``q = round(w / s)`` in ``-m..m`` with
    ``m = 2^(bits - 1) - 1`` and ``s = max |w| / m``; the layer computes with ``q s``. 0 stays 0.

    Parameters
    ----------
    bits : int
        8, a byte a weight, or 4, two weights a byte.
    but : collection of str
        Names of layers to leave unchanged.
    """
    for name, module in layers(model).items():
        if name not in but:
            weight = module.get_parameter("weight").requires_grad_(False)
            packed = Packed(weight.shape, bits)
            # Unsafe: the stored tensor has another type and shape than the weight.
            parametrize.register_parametrization(module, "weight", packed, unsafe=True)


class Packed(nn.Module):
    """The parametrization of a float weight [outputs, ...] by integers and a scale per output."""

    def __init__(self, shape: torch.Size, bits: int) -> None:
        super().__init__()
        self.shape = shape
        self.bits = bits
        self.largest = 2 ** (bits - 1) - 1

    def right_inverse(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pack a weight: integers (int8 [outputs, n], or uint8 [outputs, ceil(n / 2)]), scales."""
        rows = weight.detach().flatten(1).float()
        scale = rows.abs().amax(dim=1) / self.largest
        safe = torch.where(scale > 0, scale, 1.0)
        quantized = (rows / safe[:, None]).round().clamp(-self.largest, self.largest)
        quantized = quantized.to(torch.int8)
        return (quantized if self.bits == 8 else pack_pairs(quantized)), scale

    def forward(self, stored: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Unpack the weight."""
        n = self.shape[1:].numel()
        quantized = stored if self.bits == 8 else unpack_pairs(stored, n)
        return (quantized * scale[:, None]).view(self.shape)


def pack_pairs(values: torch.Tensor) -> torch.Tensor:
    """Pack int8 values -8..7, [rows, n], two a byte, low half first: uint8 [rows, ceil(n / 2)]."""
    even = nn.functional.pad(values, (0, values.shape[1] % 2))
    halves = (even & 0xF).to(torch.uint8)
    return halves[:, ::2] | (halves[:, 1::2] << 4)


def unpack_pairs(packed: torch.Tensor, n: int) -> torch.Tensor:
    """Unpack the result of :func:`pack_pairs`: int8 [rows, n]."""
    # Shifts of signed bytes keep the sign: ten times as fast as comparing.
    signed = packed.view(torch.int8)
    return torch.stack([(signed << 4) >> 4, signed >> 4], dim=2).flatten(1)[:, :n]
