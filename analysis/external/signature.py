"""The signature of an external model and the forms of its input; importable without torch."""

from dataclasses import dataclass

from analysis.external.model import Feeding, Figures, Loaded, Needed, Size
from analysis.external.spec import ModelFile

_FREE = (None, None, None, None)


@dataclass(frozen=True)
class Signature:
    """The declarations of an opened model; fields as in ``Loaded``."""

    model: ModelFile
    sha256: str
    figures: Figures
    shape: tuple[int | None, ...]
    dtype: str
    quantization: tuple[float, int] | None
    declared: Feeding
    declared_in: str
    class_names: tuple[str, ...]
    is_batch_dependent: bool
    notes: tuple[str, ...]

    @property
    def takes_integers(self) -> bool:
        """Whether the input is integer pixels that the model scales itself."""
        return self.dtype == "uint8" or (self.dtype == "int8" and self.quantization is None)


@dataclass(frozen=True)
class Input:
    """A form of a model's input: ``batch`` is the number of images at once, None for any.

    ``is_alone``: predictions depend on the other images, so a batch is filled with copies of one.
    """

    layout: str
    batch: int | None
    channels: int
    size: Size
    is_alone: bool = False

    @property
    def step(self) -> int | None:
        """Number of different images at once, None for any."""
        return 1 if self.is_alone else self.batch

    def shape(self, n: int | str) -> str:
        """Format the shape of n images."""
        sides = (
            (self.channels, *self.size) if self.layout == "NCHW" else (*self.size, self.channels)
        )
        return f"[{', '.join(map(str, (n, *sides)))}]"


def signature_of(model: ModelFile, loaded: Loaded) -> Signature:
    """Return the signature of an opened model."""
    return Signature(
        model,
        loaded.sha256,
        loaded.figures,
        loaded.shape or _FREE,
        loaded.dtype,
        loaded.quantization,
        loaded.declared,
        loaded.declared_in,
        loaded.class_names,
        loaded.is_batch_dependent,
        loaded.notes,
    )


def inputs_of(
    signature: Signature, needed: Needed, *, layout: str | None = None, size: Size | None = None
) -> list[Input]:
    """Return the possible input forms of a model, likeliest first.

    Parameters
    ----------
    signature : Signature
    needed : Needed
        The data's channels and size, and the requested size.
    layout : {"NCHW", "NHWC"}, optional
        Order of the axes, if the shape is ambiguous.
    size : (int, int), optional
        Height and width if the model declares none, such as those of its dense model.

    Raises
    ------
    ValueError
        The model takes no images, or their size is unknown.
    """
    shape = signature.shape
    written = "[" + ", ".join("?" if side is None else str(side) for side in shape) + "]"
    if len(shape) != 4:
        raise ValueError(f"its input is {written}; expected images [N, C, H, W] or [N, H, W, C]")
    layout = layout or signature.declared.layout
    if layout is None:
        layout = "NCHW" if shape[1] in (1, 3) or shape[3] not in (1, 3) else "NHWC"
    n_channels, sides = (shape[1], shape[2:]) if layout == "NCHW" else (shape[3], shape[1:3])
    if n_channels is not None and n_channels not in (1, 3):
        raise ValueError(
            f"its input is {written}; expected images of 1 or 3 channels, {layout}; "
            f"use --layout {'NHWC' if layout == 'NCHW' else 'NCHW'} for the other order"
        )
    found = _size((sides[0], sides[1]), signature, needed, size)
    channels = [n_channels] if n_channels is not None else [needed.channels, 4 - needed.channels]
    batch = 1 if signature.is_batch_dependent and shape[0] is None else shape[0]
    return [Input(layout, batch, one, found, signature.is_batch_dependent) for one in channels]


def _size(
    sides: tuple[int | None, int | None], signature: Signature, needed: Needed, size: Size | None
) -> Size:
    requested = None if needed.input_size is None else (needed.input_size, needed.input_size)
    preferred = requested or signature.declared.size or size or needed.native_size
    if preferred is None and None in sides:
        raise ValueError(
            "it takes images of any size, and the dataset has several; give --input-size PX"
        )
    height, width = (
        side if side is not None else (preferred or (0, 0))[i] for i, side in enumerate(sides)
    )
    if requested is not None and (height, width) != requested:
        raise ValueError(
            f"it takes only images of {height} x {width}; --input-size {needed.input_size} "
            "is not possible"
        )
    return height, width
