"""How a model is fed: what wins, what the pixels become, and how pictures reach its size."""

import numpy as np
import pytest
from PIL import Image

from analysis.external.feeding import decide, differences, fed
from analysis.external.model import Feeding, Figures
from analysis.external.options import FeedingOptions
from analysis.external.signature import Input, Signature
from analysis.external.spec import ModelFile
from analysis.models.geometry import Geometry
from analysis.models.library import import_timm

OF_TRAINING = ((0.2, 0.3, 0.4), (0.1, 0.1, 0.1))
WAY = Input("NCHW", None, 3, (8, 8))


def signature(
    declared: Feeding | None = None, dtype: str = "float32",
    quantization: tuple[float, int] | None = None,
) -> Signature:  # fmt: skip
    model = ModelFile("dense", 0, "onnx", "net.onnx")
    said = "" if declared is None else "config.json"
    return Signature(model, "", Figures(), (None, 3, 8, 8), dtype, quantization,
                     declared or Feeding(), said, (), False, ())  # fmt: skip


def decided(one: Signature, options: FeedingOptions | None = None, dense=None):
    return decide(one, WAY, options or FeedingOptions(), lambda _: OF_TRAINING, dense)


def test_an_option_wins_then_the_model_then_dense_then_the_default() -> None:
    plain = decided(signature())
    assert plain.feeding.mean == OF_TRAINING[0]
    assert (plain.feeding.crop_pct, plain.feeding.interpolation) == (None, "bicubic")
    assert plain.sources["mean"] == plain.sources["crop_pct"] == "by default"
    says = Feeding(mean=(0.5,), std=(0.5,), crop_pct=0.9, interpolation="bilinear")
    own = decided(signature(says))
    assert (own.feeding.mean, own.feeding.crop_pct) == ((0.5,), 0.9)
    assert own.sources["crop_pct"] == "config.json"
    asked = decided(signature(says), FeedingOptions(named="imagenet", crop_pct=0.8))
    assert (asked.feeding.mean, asked.feeding.crop_pct) == ((0.485, 0.456, 0.406), 0.8)
    assert asked.feeding.interpolation == "bilinear"
    inherited = decided(signature(), dense=own)
    assert inherited.feeding == own.feeding
    assert inherited.sources["mean"] == "as dense"
    # What dense is fed by default says nothing of what its copies are fed.
    assert decided(signature(says), dense=plain).feeding.mean == (0.5,)


def test_a_value_range_switches_normalization_off_unless_that_is_given() -> None:
    says = Feeding(mean=(0.5,), std=(0.5,))
    assert decided(signature(says), FeedingOptions(pixels="0..255")).feeding.mean == (0.0,)
    both = decided(signature(says), FeedingOptions(named="imagenet", pixels="0..255")).feeding
    assert (both.pixels, both.mean) == ("0..255", (0.485, 0.456, 0.406))


@pytest.mark.parametrize(
    ("dtype", "quantization", "says", "expected"),
    [
        ("uint8", None, {}, lambda x: x),
        ("int8", None, {}, lambda x: x.astype(int) - 128),
        ("int8", (1.0, -128), {"pixels": "0..255"}, lambda x: x.astype(int) - 128),
        ("int8", (1 / 255, -128), {"pixels": "0..1"}, lambda x: x.astype(int) - 128),
        ("int8", (2 / 255, 0), {"pixels": "-1..1"},
         lambda x: np.clip(np.rint((x / 127.5 - 1) * 127.5), -128, 127)),
        ("float32", None, {"pixels": "0..255"}, lambda x: x),
        ("float32", None, {"pixels": "-1..1"}, lambda x: x / 127.5 - 1),
        ("float16", None, {"mean": (0.5,), "std": (0.25,)}, lambda x: (x / 255 - 0.5) / 0.25),
    ],
)  # fmt: skip
def test_pixels_become_what_the_input_takes(dtype, quantization, says, expected) -> None:  # type: ignore[no-untyped-def]
    one = signature(Feeding(**says), dtype, quantization)
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(3, axis=1)
    found = fed(pixels, one, decided(one).feeding, "NCHW")
    assert found.dtype == dtype
    halves = quantization is not None and quantization[1] == 0  # of steps, rounded either way
    atol = 2e-3 if dtype == "float16" else 1 if halves else 1e-5
    np.testing.assert_allclose(found, expected(pixels), atol=atol)


def test_colours_and_axes_are_turned_and_mean_and_deviation_stay_with_their_colour() -> None:
    one = signature()
    pixels = np.zeros((1, 3, 2, 2), np.uint8)
    pixels[:, 0] = 255  # red
    options = FeedingOptions(mean=(0.5, 0.0, 0.0), std=(0.5, 1.0, 1.0), channels="bgr")
    found = fed(pixels, one, decided(one, options).feeding, "NHWC")
    assert found.shape == (1, 2, 2, 3)
    assert found[0, 0, 0].tolist() == [0, 0, 1]


def test_what_differs_from_dense_is_named() -> None:
    dense = decided(signature(Feeding(mean=(0.5,), std=(0.5,))))
    same = decided(signature(Feeding(pixels="-1..1")))
    assert differences(same, dense, takes_integers=False) == []
    other = decided(signature(Feeding(pixels="0..255", crop_pct=0.875)))
    found = differences(other, dense, takes_integers=False)
    assert found == [
        "crop 0.875 where dense has 1",
        "pixels scaled to 0..255 where dense has pixels scaled to 0..1, minus 0.5 over 0.5",
    ]


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (48, 48), (31, 77), (20, 20)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("mode", ["center", "squash", "border"])
def test_pictures_reach_the_size_as_in_timm(
    shape: tuple[int, int], interpolation: str, mode: str
) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    share = 1.0 if mode == "border" else 0.875
    transform = import_timm().data.create_transform(
        (3, 24, 24), crop_pct=share, interpolation=interpolation, crop_mode=mode,
        mean=(0.0,) * 3, std=(1.0,) * 3,
    )  # fmt: skip
    expected = np.rint(transform(picture).numpy() * 255)
    resize = {"center": "crop", "squash": "squash", "border": "pad"}[mode]
    found = Geometry((24, 24), 3, resize, share, interpolation).pixels(picture)
    if mode == "border":  # timm fills with the mean, which is black here
        assert (found == expected).mean() > 0.99
    else:
        assert (found == expected).all()


def test_without_a_crop_a_picture_of_the_size_is_left_as_it_is() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8))
    assert (Geometry((8, 8), 3).pixels(picture) == np.asarray(picture).transpose(2, 0, 1)).all()
    assert Geometry((4, 6), 1).pixels(picture).shape == (1, 4, 6)
