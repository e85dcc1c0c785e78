"""Noise: of sensors, of few photons, of broken pixels."""

import numpy as np

from analysis.shifts.corruptions.registry import Picture, register
from analysis.shifts.corruptions.scaling import amplitude_scale

_GAUSSIAN = (0.08, 0.12, 0.18, 0.26, 0.38)
_PHOTONS = (60.0, 25.0, 12.0, 5.0, 3.0)
_IMPULSES = (0.03, 0.06, 0.09, 0.17, 0.27)


@register("gaussian_noise", summary="normal noise on every value, as of a sensor in low light")
def gaussian_noise(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Additive normal noise: ``x + a s n``, n standard normal per pixel and channel.

    a = .08, .12, .18, .26, .38 of the full range at 224 pixels; s is the amplitude scale.
    Source: Hendrycks & Dietterich 2019.
    """
    std = _GAUSSIAN[severity - 1] * amplitude_scale(picture)
    return picture + std * generator.standard_normal(picture.shape)


@register("shot_noise", summary="Poisson noise, as of few photons")
def shot_noise(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Shot noise: ``Poisson(x p) / p`` with p photons at full brightness.

    p = 60, 25, 12, 5, 3 at 224 pixels, divided by the square of the amplitude scale, so that the
    noise's standard deviation is multiplied by that scale.
    Source: Hendrycks & Dietterich 2019.
    """
    photons = _PHOTONS[severity - 1] / amplitude_scale(picture) ** 2
    return generator.poisson(picture * photons) / photons


@register("impulse_noise", summary="values set to black or white, as of broken pixels")
def impulse_noise(picture: Picture, severity: int, generator: np.random.Generator) -> Picture:
    """Salt and pepper: a share of the values becomes 0 or 1, with equal chance.

    The share is .03, .06, .09, .17, .27 at 224 pixels times the amplitude scale, at most one half.
    Source: Hendrycks & Dietterich 2019.
    """
    share = min(_IMPULSES[severity - 1] * amplitude_scale(picture), 0.5)
    chance, is_white = generator.random(picture.shape), generator.random(picture.shape) < 0.5
    return np.where(chance < share, is_white.astype(np.float64), picture)
