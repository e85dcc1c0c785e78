"""Pictures as they come: every mode becomes upright grey or colour, or a reason."""

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.datasets import decode
from analysis.datasets.decode import UnusableImageError, original_size, upright
from analysis.models.geometry import Geometry


def _encoded(image: Image.Image, kind: str = "PNG", **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    buffer.seek(0)
    return buffer


def test_plain_grey_and_colour_stay_as_they_are() -> None:
    assert upright(_encoded(Image.new("L", (3, 2), 7))).mode == "L"
    assert upright(_encoded(Image.new("RGB", (3, 2), "red"))).getpixel((0, 0)) == (255, 0, 0)


def test_transparency_is_laid_on_white() -> None:
    image = upright(_encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 0))))
    assert (image.mode, image.getpixel((0, 0))) == ("RGB", (255, 255, 255))


def test_sixteen_bit_grey_is_scaled() -> None:
    values = np.array([[0, 65535], [32768, 256]], np.uint16)
    pixels = np.asarray(upright(_encoded(Image.fromarray(values))))
    assert pixels.tolist() == [[0, 255], [128, 1]]


@pytest.mark.parametrize("mode", ["CMYK", "P", "1", "LA"])
def test_other_modes_become_grey_or_colour(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert upright(_encoded(Image.new(mode, (4, 4)), kind)).mode in ("L", "RGB")


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (4, 2), "white")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert upright(_encoded(image, "JPEG", exif=exif)).size == (2, 4)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    buffer.seek(0)
    assert upright(buffer).convert("RGB").getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.parametrize("content", [b"", b"just text", b"\x89PNG\r\n\x1a\n\0\0"])
def test_what_is_no_picture_gives_a_reason(content: bytes) -> None:
    with pytest.raises(UnusableImageError):
        upright(io.BytesIO(content))


def test_a_truncated_picture_gives_a_reason() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    content = _encoded(Image.fromarray(noise)).getvalue()
    with pytest.raises(UnusableImageError, match="cannot be decoded"):
        upright(io.BytesIO(content[: len(content) // 2]))


def test_a_missing_file_gives_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UnusableImageError, match="missing"):
        upright(tmp_path / "gone.png")


def test_a_decompression_bomb_gives_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnusableImageError, match="more than 200 pixels"):
        upright(_encoded(Image.new("L", (20, 20))))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"), ("RGBA", "PNG"), ("P", "PNG"),
     ("I;16", "PNG"), ("L", "PNG"), ("1", "PNG")],
)  # fmt: skip
def test_a_large_picture_is_kept_small_and_remembers_its_size(
    mode: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "LARGE_PIXELS", 100_000)
    monkeypatch.setattr(decode, "KEPT_SIDE", 50)
    exif = Image.Exif()
    exif[0x0112] = 6
    image = upright(_encoded(Image.new(mode, (800, 400), 0), kind, exif=exif))
    assert original_size(image) == (400, 800)
    assert 50 <= image.size[0] <= 100
    assert image.size[1] == 2 * image.size[0]
    assert image.mode in ("L", "RGB")
    assert original_size(upright(_encoded(Image.new("L", (30, 20))))) == (30, 20)


def test_a_picture_of_108_megapixels_can_be_used() -> None:
    picture = _encoded(Image.new("L", (12_000, 9_000), 70))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = upright(picture)
    assert original_size(image) == (12_000, 9_000)
    assert image.getextrema() == (70, 70)


def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnusableImageError, match="named pipe"):
        upright(tmp_path / "pipe.jpg")


def test_a_file_that_may_not_be_read_gives_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(UnusableImageError, match="permission denied"):
        upright(tmp_path / "a.png")


def test_a_model_input_is_cropped_at_the_centre_and_has_channels_first() -> None:
    wide = Image.new("RGB", (30, 10), "black")
    wide.paste("white", (10, 0, 20, 10))
    pixels = Geometry((10, 10), 3).pixels(wide)
    assert pixels.shape == (3, 10, 10)
    assert pixels.min() == 255
    assert Geometry((4, 6), 1).pixels(wide).shape == (1, 4, 6)
