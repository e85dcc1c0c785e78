"""The face of a dataset: images lazily, labels, class names, metadata, a fingerprint, a split."""

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from PIL import Image

from analysis import schema
from analysis.datasets.decode import FULL_SCALE, GreyScale, UnusableImageError, upright
from analysis.datasets.files import LeftOut
from analysis.errors import UserError
from analysis.filesystem.regular import open_regular

Indices = npt.NDArray[np.intp]


class Images(Protocol):
    """A sequence of pictures, each decoded when it is asked for."""

    def __len__(self) -> int:
        """Count the pictures."""

    def __getitem__(self, index: int) -> Image.Image:
        """Decode one picture, upright, as L or RGB; raises UnusableImageError."""

    def take(self, indices: Indices) -> "Images":
        """Return some of the pictures, in that order."""

    def digest(self) -> str:
        """SHA-256 of the content."""

    def digests(self) -> list[bytes]:
        """SHA-256 of each picture as it is stored; empty where it cannot be read."""


@dataclass(frozen=True)
class ArrayImages:
    """Pictures that lie in memory: uint8 [N, H, W] grey or [N, H, W, 3] colour."""

    pixels: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Image.Image:
        return Image.fromarray(self.pixels[index])

    def take(self, indices: Indices) -> "ArrayImages":
        return ArrayImages(self.pixels[indices])

    def digest(self) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.pixels).data).hexdigest()

    def digests(self) -> list[bytes]:
        return [hashlib.sha256(np.ascontiguousarray(one).data).digest() for one in self.pixels]


@dataclass(frozen=True)
class EncodedImages:
    """Pictures that lie in memory as encoded files (PNG, JPEG and so on), an Arrow column."""

    content: pa.ChunkedArray
    grey: GreyScale = FULL_SCALE

    def __len__(self) -> int:
        return len(self.content)

    def __getitem__(self, index: int) -> Image.Image:
        content = self.content[index].as_py()
        if not content:
            raise UnusableImageError("holds no bytes")
        return upright(io.BytesIO(content), self.grey)

    def take(self, indices: Indices) -> "EncodedImages":
        return replace(self, content=self.content.take(pa.array(indices)))

    def digest(self) -> str:
        return hashlib.sha256(b"".join(self.digests())).hexdigest()

    def digests(self) -> list[bytes]:
        return [hashlib.sha256(content.as_py() or b"").digest() for content in self.content]


@dataclass(frozen=True)
class FileImages:
    """Pictures that lie in files below a folder, named by relative POSIX paths."""

    root: Path
    paths: tuple[str, ...]
    grey: GreyScale = FULL_SCALE

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image.Image:
        return upright(self.root / self.paths[index], self.grey)

    def take(self, indices: Indices) -> "FileImages":
        return replace(self, paths=tuple(self.paths[i] for i in indices))

    def digest(self) -> str:
        digest = hashlib.sha256()
        for path, content in zip(self.paths, self.digests(), strict=True):
            digest.update(path.encode("utf-8", "surrogateescape"))
            digest.update(content)
        return digest.hexdigest()

    def digests(self) -> list[bytes]:
        return list(self._digests)

    @cached_property
    def _digests(self) -> tuple[bytes, ...]:
        # Read once: the fingerprint and the search for duplicates both ask.
        with ThreadPoolExecutor() as pool:
            return tuple(pool.map(self._digest_of, self.paths))

    def _digest_of(self, path: str) -> bytes:
        try:
            with open_regular(self.root / path) as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            return b""


@dataclass(frozen=True)
class JoinedImages:
    """Pictures of two sources, one after the other."""

    first: Images
    second: Images

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, index: int) -> Image.Image:
        n = len(self.first)
        return self.first[index] if index < n else self.second[index - n]

    def take(self, indices: Indices) -> Images:
        n = len(self.first)
        if (indices < n).all():
            return self.first.take(indices)
        if (indices >= n).all():
            return self.second.take(indices - n)
        return PickedImages(self, tuple(indices.tolist()))

    def digest(self) -> str:
        return hashlib.sha256(f"{self.first.digest()}{self.second.digest()}".encode()).hexdigest()

    def digests(self) -> list[bytes]:
        return [*self.first.digests(), *self.second.digests()]


@dataclass(frozen=True)
class PickedImages:
    """Some of the pictures of a source, in an order of their own."""

    source: Images
    places: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Image.Image:
        return self.source[self.places[index]]

    def take(self, indices: Indices) -> "PickedImages":
        return PickedImages(self.source, tuple(self.places[i] for i in indices))

    def digest(self) -> str:
        return hashlib.sha256(b"".join(self.digests())).hexdigest()

    def digests(self) -> list[bytes]:
        every = self.source.digests()
        return [every[place] for place in self.places]


@dataclass(frozen=True)
class Split:
    """One half of a dataset: pictures, class ids [N], paths or None, and ``meta_*`` columns."""

    images: Images
    labels: npt.NDArray[np.int64]
    paths: Sequence[str] | None = None
    metadata: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError("as many labels as images are needed")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Indices) -> "Split":
        """Return some of the images, in that order."""
        return Split(
            self.images.take(indices),
            self.labels[indices],
            None if self.paths is None else [self.paths[i] for i in indices],
            None if self.metadata is None else self.metadata.iloc[indices].reset_index(drop=True),
        )

    def joined(self, other: "Split") -> "Split":
        """Return the images of both, these first."""
        paths = None
        if self.paths is not None and other.paths is not None:
            paths = [*self.paths, *other.paths]
        metadata = None
        if self.metadata is not None and other.metadata is not None:
            metadata = pd.concat([self.metadata, other.metadata], ignore_index=True)
        return Split(
            JoinedImages(self.images, other.images),
            np.concatenate([self.labels, other.labels]),
            paths,
            metadata,
        )

    def name_of(self, index: int, split: str) -> str:
        """Name one picture for a person: its path, else its place."""
        return self.paths[index] if self.paths is not None else f"{split}[{index}]"

    def digest(self) -> str:
        """SHA-256 of pictures, labels and metadata."""
        digest = hashlib.sha256(self.images.digest().encode())
        digest.update(self.labels.astype("<i8").tobytes())
        if self.metadata is not None:
            digest.update(self.metadata.to_csv(index=False).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Train and test split over the same classes; ``class_names`` is in order of class id.

    ``native_size`` is (height, width) where all images share one, ``channels`` 1 (grey) or 3.
    ``left_out`` lists what was not used already when the dataset was opened, ``notes`` says in
    sentences what else a person should know of the data. ``whole`` is all of it where the source
    has one split alone, which was divided here. ``grey`` is the scale of grey images of more than 8
    bits, where there are any. ``pool`` has all images that a train split with a long tail is drawn
    from, those of a class in the order drawn; ``tail`` how many each class has for seed 0, where
    the tail rotates over seeds and ``train`` is that pool.
    """

    class_names: tuple[str, ...]
    train: Split
    test: Split
    channels: int
    native_size: tuple[int, int] | None = None
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    whole: Split | None = None
    grey: GreyScale | None = None
    pool: Split | None = None
    tail: tuple[int, ...] | None = None

    def fingerprint(self) -> str:
        """SHA-256 of class names and both splits: equal exactly where the data are equal."""
        digest = hashlib.sha256("\0".join(self.class_names).encode("utf-8", "surrogateescape"))
        for split in (self.train, self.test):
            digest.update(split.digest().encode())
        if self.grey is not None:
            digest.update(f"{self.grey}".encode())
        if self.tail is not None:
            digest.update(f"{self.tail}".encode())
        return digest.hexdigest()

    @property
    def n_images(self) -> int:
        """Count the images of all splits."""
        return len(self.train) + len(self.test) if self.whole is None else len(self.whole)

    def audited(self, split: str | None) -> tuple["Dataset", str]:
        """Take the images that models trained elsewhere are evaluated on as the test split.

        Parameters
        ----------
        split : {"all", "test", "train"} or None
            Without, the test split where there is one, else all images: nothing is trained, so
            nothing need be kept apart.

        Returns
        -------
        Dataset, str
            And which images those are, in words.

        Raises
        ------
        UserError
            There is no such image.
        """
        if self.whole is None:
            parts = {"test": self.test, "train": self.train}
            words = {"test": "the test split", "train": "the train split"}
        else:
            parts = {"test": self.test, "train": self.train}
            words = {
                "test": "the 30 % that would be kept for test",
                "train": "the 70 % that would be trained on",
            }
        chosen = split or ("test" if self.whole is None else "all")
        if chosen == "all":
            images = self.whole if self.whole is not None else self.train.joined(self.test)
            return replace(self, test=images), "all images, of no split"
        if not len(parts[chosen]):
            raise UserError(
                f"--split {chosen}: the data have no image there; --split all takes all"
            )
        return replace(self, test=parts[chosen]), words[chosen]

    @property
    def n_train(self) -> int:
        """Count the images that one model is trained on; those of seed 0 where the tail rotates."""
        return len(self.train) if self.tail is None else sum(self.tail)

    def limited(self, train_limit: int | None, test_limit: int | None) -> "Dataset":
        """Keep at most so many images of a split, stratified by class, always the same ones."""
        return replace(
            self, train=_limit(self.train, train_limit), test=_limit(self.test, test_limit)
        )


def _limit(split: Split, limit: int | None) -> Split:
    if limit is None or limit >= len(split):
        return split
    return split.take(stratified_sample(split.labels, limit))


def stratified_sample(labels: npt.NDArray[np.int64], size: int, *, random_seed: int = 0) -> Indices:
    """Draw ``size`` places, each class in proportion (largest remainders), ascending.

    Raises
    ------
    UserError
        The size is smaller than the number of classes.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if size < len(classes):
        raise UserError(
            f"a limit of {size} images leaves classes without one; at least {len(classes)} needed"
        )
    exact = counts * (size / len(labels))
    take = np.maximum(np.floor(exact).astype(int), 1)
    order = np.argsort(-(exact - np.floor(exact)), kind="stable")
    for place in np.resize(order, 2 * len(order) * max(1, abs(size - int(take.sum())))):
        if take.sum() < size and take[place] < counts[place]:
            take[place] += 1
        elif take.sum() > size and take[place] > 1:
            take[place] -= 1
    generator = np.random.default_rng(random_seed)
    chosen = [
        generator.permutation(np.flatnonzero(labels == c))[:n]
        for c, n in zip(classes, take, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def meta_frame(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Name columns ``meta_*``, each once; None where there is no column."""
    names: list[str] = []
    for column in frame.columns:
        name = stem = schema.META_PREFIX + str(column).removeprefix(schema.META_PREFIX)
        count = 1
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.append(name)
    return frame.set_axis(names, axis=1).reset_index(drop=True) if names else None


def stratified_split(
    labels: npt.NDArray[np.int64], *, test_share: float = 0.3, random_seed: int = 0
) -> tuple[Indices, Indices]:
    """Places of the train and of the test images, both ascending.

    Of a class with n images ``round(test_share * n)`` go to test, at least one to either side where
    n >= 2; a single image goes to train.
    """
    generator = np.random.default_rng(random_seed)
    test = []
    for class_id in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == class_id))
        count = min(max(round(test_share * len(members)), 1), len(members) - 1)
        test.append(members[:count])
    chosen = np.sort(np.concatenate(test)) if test else np.empty(0, np.intp)
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen
