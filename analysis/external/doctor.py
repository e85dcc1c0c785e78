"""Doctor: try likely preprocessing mistakes of a model on the same images and rank them.

Nothing is changed: a feeding with significantly more correct predictions of the dense model is
reported as the options to type.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.external.feeding import IMAGENET, Decided, Numbers
from analysis.external.model import Feeding
from analysis.external.signature import Input, Signature
from analysis.p_values import p_text
from analysis.stats.pairs import mcnemar

_ALPHA = 0.05
_KEPT = 4
# Images to screen all feedings on, before the best ones are tested on all images.
_FEWEST_SCREENED, _SCREENED = 32, 96
# A simpler feeding is preferred within this distance of the best accuracy, 0..1.
_AS_GOOD = 0.01
_CROPS: tuple[tuple[str, float | None], ...] = (
    ("crop", None), ("crop", 0.875), ("crop", 0.9), ("crop", 0.95), ("crop", 1.0),
    ("squash", 1.0), ("pad", 1.0),
)  # fmt: skip
_INTERPOLATIONS = ("bicubic", "bilinear", "lanczos", "nearest")
_SIZES = (224, 256, 299)
_CAFFE = (IMAGENET[0], (1.0, 1.0, 1.0))
_RANGES: tuple[tuple[tuple[str, ...], str, Numbers, Numbers], ...] = (
    (("--normalize", "imagenet"), "0..1", *IMAGENET),
    (("--normalize", "none"), "0..1", (0.0,), (1.0,)),
    (("--normalize", "0.5"), "0..1", (0.5,), (0.5,)),
    (("--pixels", "0..255"), "0..255", (0.0,), (1.0,)),
    (
        ("--pixels", "0..255", "--mean", "0.485", "0.456", "0.406", "--std", "1"),
        "0..255",
        *_CAFFE,
    ),
)


@dataclass(frozen=True)
class Candidate:
    """A feeding to try; ``changes`` maps the fields that differ to their options."""

    form: Input
    decided: Decided
    changes: Mapping[str, tuple[str, ...]]
    output: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The options to type."""
        return tuple(word for words in self.changes.values() for word in words)

    @property
    def key(self) -> tuple[Any, ...]:
        """What distinguishes this feeding for the model."""
        feeding = self.decided.feeding
        values = tuple(getattr(feeding, name) for name in Feeding.__dataclass_fields__)
        return self.form, values, self.output


@dataclass(frozen=True)
class Ranked:
    """The score of a candidate; ``p`` is McNemar's exact p times the number of candidates."""

    words: tuple[str, ...]
    right: int
    n: int
    gained: int
    lost: int
    p: float

    @property
    def top1(self) -> float:
        """Share of images predicted correctly."""
        return self.right / self.n

    @property
    def is_better(self) -> bool:
        """Whether it is correct on significantly more images than the feeding in use."""
        return self.gained > self.lost and self.p < _ALPHA

    @property
    def typed(self) -> str:
        """The options, quoted for a shell."""
        return shlex.join(self.words)


@dataclass(frozen=True)
class Diagnosis:
    """The feeding in use and the others, best first; ``advice`` is None if it is the best."""

    label: str
    in_use: Ranked
    others: tuple[Ranked, ...]
    n_tried: int
    advice: Ranked | None

    @property
    def sentence(self) -> str:
        """Summarize the diagnosis in one line."""
        if self.advice is None:
            return (
                f"{self.label}: {self.n_tried} other feedings tried on {self.in_use.n:,} images, "
                f"none significantly better than the one in use ({100 * self.in_use.top1:.1f} % "
                "right)"
            )
        return (
            f"{self.label} is right on {100 * self.in_use.top1:.1f} % of {self.in_use.n:,} images "
            f"as it is fed, and on {100 * self.advice.top1:.1f} % of the same images with "
            f"{self.advice.typed} (McNemar {p_text(self.advice.p)}, corrected "
            f"for {self.n_tried} feedings tried)"
        )


# Whether each candidate is correct on each of the first n images, (n,).
Right = Callable[[Sequence[Candidate], int], list[npt.NDArray[np.bool_]]]


class Doctor:
    """Search for a better feeding: value range and colours, then crop, interpolation, then a test.

    Parameters
    ----------
    label : str
        Name of the model in messages.
    signature, form, decided
        The model, its input and the feeding in use.
    right : callable
        Evaluates candidates on the first images.
    n : int
        Number of images for the test.
    of_dataset : tuple of float, tuple of float
        Mean and standard deviation of the training pixels.
    are_resized : bool
        Whether images are resized to the input.
    outputs : sequence of str
        Other outputs that could be the scores.
    by_chance : float
        Size of the largest class plus three standard errors: a better feeding must exceed it.
    """

    def __init__(
        self, label: str, signature: Signature, form: Input, decided: Decided, right: Right, n: int,
        *, of_dataset: tuple[Numbers, Numbers] | None, are_resized: bool,
        outputs: Sequence[str] = (), by_chance: float = 0.0,
    ) -> None:  # fmt: skip
        self._label, self._signature, self._right, self._n = label, signature, right, n
        self._base = Candidate(form, decided, {})
        self._of_dataset, self._are_resized, self._outputs = of_dataset, are_resized, outputs
        self._screened: dict[tuple[Any, ...], tuple[Candidate, float]] = {}
        self._n_screen = min(n, max(_FEWEST_SCREENED, min(_SCREENED, n // 4)))
        self._by_chance = by_chance

    def diagnose(self) -> Diagnosis:
        """Search, then test the best candidates against the feeding in use."""
        self._screen([self._base])
        self._screen(list(self._ranges(self._base)))
        self._screen([replace(self._base, output=name, changes={"output": ("--output", name)})
                      for name in self._outputs])  # fmt: skip
        self._screen(list(self._layouts(self._best)))
        for step in (self._sizes, self._crops, self._interpolations):
            self._screen(list(step(self._best)))
        return self._tested()

    @property
    def _best(self) -> Candidate:
        """The best candidate so far; ties go to the fewest changes."""
        return self._ordered()[0]

    def _ordered(self) -> list[Candidate]:
        found = sorted(self._screened.values(), key=lambda one: (-one[1], len(one[0].changes)))
        return [candidate for candidate, _ in found]

    def _screen(self, candidates: Sequence[Candidate]) -> None:
        new = {one.key: one for one in candidates if one.key not in self._screened}
        for candidate, right in zip(
            new.values(), self._right(list(new.values()), self._n_screen), strict=True
        ):
            self._screened[candidate.key] = candidate, float(right.mean()) if len(right) else 0.0

    def _ranges(self, base: Candidate) -> Iterator[Candidate]:
        colours: list[str | None] = [None]
        if base.form.channels == 3:
            other = "rgb" if base.decided.feeding.channels == "bgr" else "bgr"
            colours.append(other)
        ranges: list[tuple[tuple[str, ...], dict[str, Any]] | None] = [None]
        if not self._signature.takes_integers:
            known = list(_RANGES)
            if self._of_dataset is not None:
                known.append((("--normalize", "dataset"), "0..1", *self._of_dataset))
            ranges += [
                (words, {"pixels": pixels, "mean": mean, "std": std})
                for words, pixels, mean, std in known
                if not _is_same(base.decided.feeding, pixels, mean, std)
            ]
        for colour in colours:
            for one in ranges:
                candidate = base
                if colour is not None:
                    words = ("--channels", colour)
                    candidate = _changed(candidate, "channels", words, channels=colour)
                if one is not None:
                    candidate = _changed(candidate, "range", one[0], **one[1])
                yield candidate

    def _layouts(self, base: Candidate) -> Iterator[Candidate]:
        """Yield the other axis order, if the shape allows both."""
        shape, form = self._signature.shape, base.form
        if len(shape) == 4 and all(side in (None, 3) for side in (shape[1], shape[3])):
            other = "NHWC" if form.layout == "NCHW" else "NCHW"
            fits = shape[1] is None or shape[3] == form.channels
            if fits:
                moved = replace(base, form=replace(form, layout=other))
                yield _changed(moved, "layout", ("--layout", other), layout=other)

    def _sizes(self, base: Candidate) -> Iterator[Candidate]:
        if None not in self._signature.shape[1:]:
            return
        sides = self._signature.shape[2:] if base.form.layout == "NCHW" else (
            self._signature.shape[1:3])  # fmt: skip
        if None not in sides or not self._are_resized:
            return
        for side in _SIZES:
            size = (side, side)
            if size != base.form.size:
                moved = replace(base, form=replace(base.form, size=size))
                yield _changed(moved, "size", ("--input-size", str(side)), size=size)

    def _crops(self, base: Candidate) -> Iterator[Candidate]:
        if not self._are_resized:
            return
        for resize, share in _CROPS:
            words: tuple[str, ...] = ("--resize", resize)
            if resize == "crop":
                words = () if share is None else ("--crop-pct", f"{share:g}")
                if base.decided.feeding.resize != "crop":
                    words = ("--resize", "crop", *words)
            if words:
                yield _changed(base, "crop", words, resize=resize, crop_pct=share)

    def _interpolations(self, base: Candidate) -> Iterator[Candidate]:
        if not self._are_resized:
            return
        for name in _INTERPOLATIONS:
            if name != base.decided.feeding.interpolation:
                words = ("--interpolation", name)
                yield _changed(base, "interpolation", words, interpolation=name)

    def _tested(self) -> Diagnosis:
        n_tried = len(self._screened) - 1
        chosen = [one for one in self._ordered() if one.key != self._base.key]
        chosen = self._with_simpler(chosen[:_KEPT])
        rights = self._right([self._base, *chosen], self._n)
        used, n = rights[0], len(rights[0])
        in_use = Ranked((), int(used.sum()), n, 0, 0, 1.0)
        ranked = []
        for candidate, right in zip(chosen, rights[1:], strict=True):
            gained, lost = int((right & ~used).sum()), int((used & ~right).sum())
            p = float(mcnemar(np.array([lost]), np.array([gained]))[0])
            one = Ranked(candidate.words, int(right.sum()), n, gained, lost,
                         min(1.0, p * max(n_tried, 1)))  # fmt: skip
            ranked.append((one, len(candidate.changes)))
        ranked.sort(key=lambda pair: (-pair[0].right, pair[1]))
        better = [pair for pair in ranked if pair[0].is_better]
        advice = None
        better = [pair for pair in better if pair[0].right > self._by_chance]
        if better:
            best = better[0][0]
            near = [pair for pair in better if best.top1 - pair[0].top1 <= _AS_GOOD]
            advice = min(near, key=lambda pair: (pair[1], -pair[0].right))[0]
        return Diagnosis(self._label, in_use, tuple(one for one, _ in ranked), n_tried, advice)

    def _with_simpler(self, chosen: Sequence[Candidate]) -> list[Candidate]:
        """Add screened candidates that make only part of the changes of the best ones."""
        candidates = {one.key: one for one in chosen}
        for candidate in chosen[:2]:
            if len(candidate.changes) < 2:
                continue
            for simpler, _ in self._screened.values():
                is_part = set(simpler.changes.items()) < set(candidate.changes.items())
                if is_part and simpler.changes:
                    candidates.setdefault(simpler.key, simpler)
        return list(candidates.values())


def _changed(base: Candidate, name: str, words: tuple[str, ...], **values: Any) -> Candidate:
    feeding = replace(base.decided.feeding, **values)
    sources = base.decided.sources | dict.fromkeys(values, "tried")
    return replace(base, decided=Decided(feeding, sources), changes={**base.changes, name: words})


def _is_same(feeding: Feeding, pixels: str, mean: Numbers, std: Numbers) -> bool:
    used = np.asarray(feeding.mean or (0.0,)), np.asarray(feeding.std or (1.0,))
    if feeding.pixels == "-1..1":
        used = np.asarray((0.5,)), np.asarray((0.5,))
    is_range = (feeding.pixels == "0..255") == (pixels == "0..255")
    return (
        is_range and np.allclose(used[0], mean, atol=1e-4) and np.allclose(used[1], std, atol=1e-4)
    )
