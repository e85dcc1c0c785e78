"""What an external model declares of its input, and the ways to feed it. Without torch."""

from dataclasses import dataclass

from analysis.external.model import Feeding, Figures, Loaded, Needed, Size
from analysis.external.spec import ModelFile

_FREE = (None, None, None, None)


@dataclass(frozen=True)
class Signature:
    """An opened model without what runs it; fields as in ``Loaded``."""

    model: ModelFile
    sha256: str
    figures: Figures
    shape: tuple[int | None, ...]
    dtype: str
    quantization: tuple[float, int] | None
    says: Feeding
    said_by: str
    class_names: tuple[str, ...]
    is_batch_dependent: bool
    notes: tuple[str, ...]

    @property
    def takes_integers(self) -> bool:
        """Whether pixels are fed as whole numbers that the model scales itself."""
        return self.dtype == "uint8" or (self.dtype == "int8" and self.quantization is None)


@dataclass(frozen=True)
class Input:
    """One way to feed a model: ``batch`` is the number of images at once, None for any.

    ``is_alone`` says that an answer depends on the images beside it, so that a batch is filled with
    one image.
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
        """Write the shape of n images."""
        sides = (
            (self.channels, *self.size) if self.layout == "NCHW" else (*self.size, self.channels)
        )
        return f"[{', '.join(map(str, (n, *sides)))}]"


def signature_of(model: ModelFile, loaded: Loaded) -> Signature:
    """Return what an opened model declares."""
    return Signature(
        model,
        loaded.sha256,
        loaded.figures,
        loaded.shape or _FREE,
        loaded.dtype,
        loaded.quantization,
        loaded.says,
        loaded.said_by,
        loaded.class_names,
        loaded.is_batch_dependent,
        loaded.notes,
    )


def inputs_of(
    signature: Signature, needed: Needed, *, layout: str | None = None, size: Size | None = None
) -> list[Input]:
    """Ways to feed a model, by its declaration, the likeliest first.

    Parameters
    ----------
    signature : Signature
    needed : Needed
        The data's channels and size, and the size asked for.
    layout : {"NCHW", "NHWC"}, optional
        Order of the axes, where its shape does not say it.
    size : (int, int), optional
        Height and width where the model declares none, such as those of its dense model.

    Raises
    ------
    ValueError
        It takes no images, or nothing says of which size.
    """
    shape = signature.shape
    written = "[" + ", ".join("?" if side is None else str(side) for side in shape) + "]"
    if len(shape) != 4:
        raise ValueError(f"its input is {written}; expected images [N, C, H, W] or [N, H, W, C]")
    layout = layout or signature.says.layout
    if layout is None:
        layout = "NCHW" if shape[1] in (1, 3) or shape[3] not in (1, 3) else "NHWC"
    given, sides = (shape[1], shape[2:]) if layout == "NCHW" else (shape[3], shape[1:3])
    if given is not None and given not in (1, 3):
        raise ValueError(
            f"its input is {written}; expected images of 1 or 3 channels, {layout}; "
            f"--layout {'NHWC' if layout == 'NCHW' else 'NCHW'} says the other order"
        )
    found = _size((sides[0], sides[1]), signature, needed, size)
    channels = [given] if given is not None else [needed.channels, 4 - needed.channels]
    batch = 1 if signature.is_batch_dependent and shape[0] is None else shape[0]
    return [Input(layout, batch, one, found, signature.is_batch_dependent) for one in channels]


def _size(
    sides: tuple[int | None, int | None], signature: Signature, needed: Needed, size: Size | None
) -> Size:
    asked = None if needed.input_size is None else (needed.input_size, needed.input_size)
    wished = asked or signature.says.size or size or needed.native_size
    if wished is None and None in sides:
        raise ValueError(
            "it takes images of any size, and those of the dataset are of several; give "
            "--input-size PX"
        )
    height, width = (
        side if side is not None else (wished or (0, 0))[i] for i, side in enumerate(sides)
    )
    if asked is not None and (height, width) != asked:
        raise ValueError(
            f"it takes images of {height} x {width} alone; --input-size {needed.input_size} "
            "cannot be had"
        )
    return height, width
