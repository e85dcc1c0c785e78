"""What a model is, in figures: importable without torch."""

from dataclasses import dataclass

Size = tuple[int, int]


@dataclass(frozen=True)
class ModelSpec:
    """What it takes to make the same model again, and what it is like.

    ``image_size`` is (height, width) of its input, ``parameters`` counts all weights, ``prunable``
    those that pruning may remove.
    """

    name: str
    n_classes: int
    channels: int
    image_size: Size
    parameters: int = 0
    prunable: int = 0
