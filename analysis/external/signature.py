"""What an external model takes and gives, found with some images. Importable without torch."""

from dataclasses import dataclass

from analysis.external.model import Array, Figures, Loaded, Needed, Size
from analysis.external.spec import ModelFile

FREE = (None, None, None, None)


@dataclass(frozen=True)
class Fit:
    """A model that was tried: its input, its output, and what was measured of it.

    ``layout`` is NCHW or NHWC, ``batch`` the number of images it takes at once (None: any),
    ``output`` the place of its scores among its outputs. ``mean`` and ``std`` are its own where it
    says them, and later those that are used.
    """

    model: ModelFile
    sha256: str
    figures: Figures
    layout: str
    dtype: str
    batch: int | None
    size: Size
    channels: int
    output: int
    n_outputs: int
    n_classes: int
    are_probabilities: bool
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scaled_by: str = ""
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> str:
        """Name of the decoded images it takes."""
        return f"test-{self.size[0]}x{self.size[1]}x{self.channels}"

    @property
    def sentence(self) -> str:
        """What is said of it, in one line."""
        n = "N" if self.batch is None else self.batch
        channels, (height, width) = self.channels, self.size
        sides = (channels, height, width) if self.layout == "NCHW" else (height, width, channels)
        if self.dtype == "uint8":
            scaled = "pixels from 0 to 255 as they are"
        elif self.scaled_by == "none":
            scaled = "pixels scaled to 0..1"
        else:
            scaled = (
                f"pixels scaled to 0..1, minus {_numbers(self.mean)} over {_numbers(self.std)} "
                f"({self.scaled_by})"
            )
        what = "probabilities" if self.are_probabilities else "logits"
        logs = ", of which logarithms are taken" if self.are_probabilities else ""
        which = f" (output {self.output + 1} of {self.n_outputs})" if self.n_outputs > 1 else ""
        shape = ", ".join(map(str, (n, *sides)))
        return (
            f"{self.model.label}: {self.dtype} [{shape}], {scaled}, outputs {self.n_classes} "
            f"{what}{which}{logs}"
        )


def _numbers(values: tuple[float, ...] | None) -> str:
    values = values or ()
    values = values[:1] if len(set(values)) == 1 else values
    return " ".join(f"{value:.4g}" for value in values)


@dataclass(frozen=True)
class Input:
    """One way to feed a model."""

    layout: str
    batch: int | None
    channels: int
    size: Size


def inputs_of(loaded: Loaded, needed: Needed) -> list[Input]:
    """Ways to feed a model, by its declaration, the likeliest first.

    Raises
    ------
    ValueError
        It takes no images, or nothing says of which size.
    """
    shape = loaded.shape or FREE
    if len(shape) != 4:
        declared = ", ".join("?" if side is None else str(side) for side in shape)
        raise ValueError(f"its input is [{declared}]; expected images [N, C, H, W] or [N, H, W, C]")
    batch = shape[0]
    if shape[1] in (1, 3) or shape[3] not in (1, 3):
        layout, given, sides = "NCHW", shape[1], (shape[2], shape[3])
    else:
        layout, given, sides = "NHWC", shape[3], (shape[1], shape[2])
    if given is not None and given not in (1, 3):
        raise ValueError(
            f"its input is [{', '.join('?' if s is None else str(s) for s in shape)}]; expected "
            "images of 1 or 3 channels"
        )
    size = _size(sides, loaded, needed)
    channels = [given] if given is not None else [needed.channels, 4 - needed.channels]
    return [Input(layout, batch, one, size) for one in channels]


def _size(sides: tuple[int | None, int | None], loaded: Loaded, needed: Needed) -> Size:
    asked = None if needed.input_size is None else (needed.input_size, needed.input_size)
    wished = asked or loaded.says.size or needed.native_size
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


def per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Values a channel; of one for several channels the mean, as grey is the mean of colours."""
    if len(values) == channels:
        return values
    return (sum(values) / len(values),) * channels


def are_probabilities(scores: Array) -> bool:
    """Whether every row is one of probabilities: none below 0, the sum 1 within a thousandth."""
    tolerance = 1e-2 if scores.dtype.itemsize < 4 else 1e-3
    return bool((scores >= 0).all() and (abs(scores.sum(axis=1) - 1) <= tolerance).all())
