"""What a model is, in figures: importable without torch."""

from dataclasses import dataclass

from analysis.models.geometry import Geometry

Size = tuple[int, int]


@dataclass(frozen=True)
class ModelSpec:
    """What it takes to make the same model again, and what it is like.

    ``image_size`` is (height, width) of its input, ``parameters`` counts all weights, ``prunable``
    those that pruning may remove. ``pretrained`` and ``checkpoint`` say where its first weights
    come from, ``weights_note`` what of them could not be used, and ``mean`` and ``std``, a channel
    each, how its input is normalized where they ask for it; so do ``resize``, ``crop_pct`` and
    ``interpolation`` for how pictures are brought to its size.
    """

    name: str
    n_classes: int
    channels: int
    image_size: Size
    parameters: int = 0
    prunable: int = 0
    pretrained: bool = False
    checkpoint: str | None = None
    weights_note: str | None = None
    weights_sha256: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: str = "crop"
    crop_pct: float | None = None
    interpolation: str = "bicubic"

    @property
    def geometry(self) -> Geometry:
        """How pictures become its input."""
        return Geometry(
            self.image_size, self.channels, self.resize, self.crop_pct, self.interpolation
        )
