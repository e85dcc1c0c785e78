"""The description of a model; importable without torch."""

from dataclasses import dataclass

from analysis.models.geometry import Geometry

Size = tuple[int, int]


@dataclass(frozen=True)
class ModelSpec:
    """The description of a model, sufficient to recreate it.

    ``image_size`` is (height, width) of its input, ``parameters`` counts all weights, ``prunable``
    those that pruning may remove. ``pretrained`` and ``checkpoint`` are the source of its initial
    weights, ``weights_note`` is a remark on unused ones. ``mean`` and ``std`` per channel,
    ``resize``, ``crop_pct`` and ``interpolation`` are the preprocessing of these weights.
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
        """Geometry of its input."""
        return Geometry(
            self.image_size, self.channels, self.resize, self.crop_pct, self.interpolation
        )
