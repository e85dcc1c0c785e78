"""Corruptions of images: what holds for every one of them, whatever its size and colour."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from analysis.errors import UserError
from analysis.shifts.corruptions.apply import corrupt
from analysis.shifts.corruptions.registry import corruptions, register
from analysis.shifts.corruptions.scaling import gaussian_kernel, kernel_of, line_kernel
from analysis.shifts.parse import parse_corruptions

IMAGENET_C = {
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur",
    "zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate",
    "jpeg_compression",
}  # fmt: skip
NAMES = sorted(corruptions())
every = pytest.mark.parametrize("name", NAMES)
LENGTHS = ("defocus_blur", "glass_blur", "motion_blur")


def pictures(size: int, channels: int, n: int = 12) -> np.ndarray:
    """Digits of a size, [N, C, size, size]; in colour each channel is another picture of them."""
    found = []
    for digit in load_digits().images[:n]:
        grey = Image.fromarray((digit / 16 * 200 + 20).astype(np.uint8))
        pixels = np.asarray(grey.resize((size, size), Image.Resampling.BICUBIC))
        layers = [pixels, pixels // 2 + 30, np.roll(pixels, size // 4, 1)][:channels]
        found.append(np.stack(layers))
    return np.stack(found)


def distance(images: np.ndarray, name: str, severity: int) -> float:
    """Mean over images of the root mean square change, in levels."""
    changed = np.stack([corrupt(image, name, severity) for image in images])
    squares = (changed.astype(float) - images) ** 2
    return float(np.sqrt(squares.mean(axis=(1, 2, 3))).mean())


def test_the_fifteen_of_imagenet_c_are_there_with_their_families() -> None:
    assert set(NAMES) >= IMAGENET_C
    families = {corruption.family for corruption in corruptions().values()}
    assert families == {"noise", "blur", "weather", "digital"}
    with pytest.raises(ValueError, match="registered already"):
        register("fog", summary="again")(lambda picture, *_: picture)


@every
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (32, 3), (64, 3)])
def test_shape_and_type_are_kept_and_a_stronger_one_moves_the_image_further(
    name: str, size: int, channels: int
) -> None:
    images = pictures(size, channels, n=60 if size == 8 else 16)
    before = images.copy()
    once = corrupt(images[0], name, 5)
    assert (once.shape, once.dtype) == (images[0].shape, np.uint8)
    distances = [distance(images, name, severity) for severity in (1, 2, 3, 4, 5)]
    assert distances[0] > 0
    assert distances == sorted(set(distances))
    assert np.array_equal(images, before)


@every
def test_an_image_is_corrupted_alike_wherever_it_stands(name: str) -> None:
    images = pictures(16, 3, n=6)
    alone = [corrupt(image, name, 3) for image in images]
    backwards = [corrupt(image, name, 3) for image in images[::-1]][::-1]
    strided = corrupt(np.asarray(images[2].transpose(2, 1, 0).copy().transpose(2, 1, 0)), name, 3)
    assert np.array_equal(alone, backwards)
    assert np.array_equal(strided, alone[2])


@pytest.mark.parametrize("name", ["gaussian_noise", "impulse_noise", "snow", "frost", "fog"])
def test_images_that_differ_in_one_pixel_have_draws_of_their_own(name: str) -> None:
    image = np.full((1, 16, 16), 120, np.uint8)
    other = image.copy()
    other[0, 0, 0] = 121
    changed = corrupt(image, name, 3).astype(int) - corrupt(other, name, 3).astype(int)
    assert (changed[0, 1:, 1:] != 0).any()


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("severity", [1, 5])
def test_lengths_are_in_proportion_to_the_image(name: str, severity: int) -> None:
    """A picture corrupted large and made small is about as far from itself as one made small."""
    large = pictures(224, 1, n=6)
    small = [
        np.asarray(Image.fromarray(one[0]).resize((56, 56), Image.Resampling.BOX))[None]
        for one in large
    ]
    far = distance(np.stack(small), name, severity)
    shrunk = [
        np.asarray(
            Image.fromarray(corrupt(one, name, severity)[0]).resize((56, 56), Image.Resampling.BOX)
        )
        for one in large
    ]
    moved = np.mean(
        [
            np.sqrt(((a.astype(float) - b[0]) ** 2).mean())
            for a, b in zip(shrunk, small, strict=True)
        ]
    )
    assert moved / 2 - 0.5 < far < 2.5 * moved + 0.5


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise"])
def test_noise_of_a_small_image_is_weaker_by_the_root_of_its_size(name: str) -> None:
    spread = {
        size: (corrupt(np.full((1, size, size), 128, np.uint8), name, 3).astype(float) - 128).std()
        for size in (224, 56)
    }
    assert spread[224] / spread[56] == pytest.approx(2, rel=0.05)


def test_gaussian_noise_has_the_published_strength_at_224_pixels() -> None:
    flat = np.full((1, 224, 224), 128, np.uint8)
    changed = corrupt(flat, "gaussian_noise", 1).astype(float) - 128
    assert changed.std() / 255 == pytest.approx(0.08, rel=0.02)
    assert abs(changed.mean()) < 0.5


def test_grey_levels_are_spread_as_the_formulas_say() -> None:
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))[None]
    brighter = corrupt(ramp, "brightness", 3).astype(int)
    np.testing.assert_allclose(brighter, np.minimum(ramp + 0.3 * 255, 255), atol=0.51)
    flatter = corrupt(ramp, "contrast", 1).astype(float)
    assert flatter.mean() == pytest.approx(ramp.mean(), abs=0.5)
    assert np.ptp(flatter) == pytest.approx(0.4 * np.ptp(ramp), abs=1)


def test_brightness_keeps_the_hue() -> None:
    pixel = np.array([100, 50, 20], np.uint8)[:, None, None]
    changed = corrupt(np.broadcast_to(pixel, (3, 8, 8)), "brightness", 2)[:, 0, 0].astype(float)
    assert changed[0] == pytest.approx(151, abs=1)
    np.testing.assert_allclose(changed / changed[0], [1, 0.5, 0.2], atol=0.01)


@pytest.mark.parametrize("size", [0.05, 0.7, 3.2])
def test_kernels_are_means_as_wide_as_asked(size: float) -> None:
    angle = 0.6
    for kernel in (gaussian_kernel(size), line_kernel(size, size, angle)):
        assert kernel.sum() == pytest.approx(1)
        assert (kernel >= 0).all()
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-12)
    radius = 4
    half = kernel_of(np.array([0.5]), np.array([-0.25]), np.ones(1))
    middle = half.shape[0] // 2
    assert half[middle, middle - 1] == pytest.approx(0.125)
    assert half[middle + 1, middle] == pytest.approx(0.375)
    across = line_kernel(radius, 1e6, 0.0)
    assert np.count_nonzero(across.sum(axis=1)) == 1


def test_the_same_constant_image_stays_as_it_is_under_what_moves_pixels() -> None:
    flat = np.full((3, 20, 20), 77, np.uint8)
    moves = ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "elastic_transform")
    for name in (*moves, "pixelate", "contrast"):
        assert np.array_equal(corrupt(flat, name, 5), flat), name


@pytest.mark.parametrize(
    ("items", "names"),
    [
        (["fog"], ["fog-3"]),
        (["fog=1,5"], ["fog-1", "fog-5"]),
        (["fog,snow=2,4,frost"], ["fog-3", "snow-2", "snow-4", "frost-3"]),
        (["fog=2", "fog=2", "snow"], ["fog-2", "snow-3"]),
        (["all"], [f"{name}-3" for name in corruptions()]),
        (["all=1,2"], [f"{name}-{s}" for name in corruptions() for s in (1, 2)]),
    ],
)
def test_corruptions_are_asked_for_by_name_and_severity(items: list[str], names: list[str]) -> None:
    assert [shift.name for shift in parse_corruptions(items)] == names


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("smog", "unknown corruption; expected all or one of"),
        ("fog=6", "a severity is a whole number from 1 to 5"),
        ("fog=0", "from 1 to 5"),
        ("fog=x", "'x' is not a severity"),
        ("fog=", "'' is not a severity"),
        ("3", "expected NAME"),
        ("fog,3", "expected NAME"),
        ("", "expected NAME"),
    ],
)
def test_what_is_no_corruption_is_told_in_a_line(item: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        parse_corruptions([item])
    assert "\n" not in str(told.value)
