"""The interface of datasets: lazy images, labels, class names, metadata, fingerprint, splits."""

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
    """A sequence of images, decoded on access."""

    def __len__(self) -> int:
        """Return the number of images."""

    def __getitem__(self, index: int) -> Image.Image:
        """Decode one image, upright, as L or RGB; raises UnusableImageError."""

    def take(self, indices: Indices) -> "Images":
        """Return some of the images, in that order."""

    def digest(self) -> str:
        """Return the SHA-256 of the content."""

    def digests(self) -> list[bytes]:
        """Return the SHA-256 of each stored image, empty if it cannot be read."""


@dataclass(frozen=True)
class ArrayImages:
    """Images in memory: uint8 [N, H, W] grey or [N, H, W, 3] colour."""

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
    """Encoded images in memory (PNG, JPEG and so on), an Arrow column."""

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
    """Image files below a folder, named by relative POSIX paths."""

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
        # Cached for the fingerprint and the search for duplicates.
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
    """Images of two sources, one after the other."""

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
    """Some images of a source, in any order."""

    source: Images
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Image.Image:
        return self.source[self.indices[index]]

    def take(self, indices: Indices) -> "PickedImages":
        return PickedImages(self.source, tuple(self.indices[i] for i in indices))

    def digest(self) -> str:
        return hashlib.sha256(b"".join(self.digests())).hexdigest()

    def digests(self) -> list[bytes]:
        digests = self.source.digests()
        return [digests[index] for index in self.indices]


@dataclass(frozen=True)
class Split:
    """One split of a dataset: images, class ids [N], paths or None, and ``meta_*`` columns."""

    images: Images
    labels: npt.NDArray[np.int64]
    paths: Sequence[str] | None = None
    metadata: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError("labels and images differ in number")

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
        """Return the images of both splits, these first."""
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
        """Return the name of an image for messages: its path, else its index."""
        return self.paths[index] if self.paths is not None else f"{split}[{index}]"

    def digest(self) -> str:
        """Return the SHA-256 of images, labels and metadata."""
        digest = hashlib.sha256(self.images.digest().encode())
        digest.update(self.labels.astype("<i8").tobytes())
        if self.metadata is not None:
            digest.update(self.metadata.to_csv(index=False).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Train and test split over the same classes; ``class_names`` is in order of class id.

    ``native_size`` is the common (height, width) of all images, if any; ``channels`` is 1 (grey) or
    3. ``left_out`` lists files left out on opening, ``notes`` remarks on the data. ``whole`` holds
    all images of a source with a single split, which was divided here. ``grey`` is the scale of
    grey images of more than 8 bits, if any. ``pool`` holds all images that a long-tailed train
    split is drawn from, by class in the order drawn; ``tail`` is the number per class for seed 0 if
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
        """Return the SHA-256 of class names and both splits, the identity of the data."""
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
        """Number of images of all splits."""
        return len(self.train) + len(self.test) if self.whole is None else len(self.whole)

    def audited(self, split: str | None) -> tuple["Dataset", str]:
        """Select the images to evaluate external models on as the test split.

        Parameters
        ----------
        split : {"all", "test", "train"} or None
            By default the test split if there is one, else all images, since nothing is trained.

        Returns
        -------
        Dataset, str
            The dataset and a description of the images.

        Raises
        ------
        UserError
            The split is empty.
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
            raise UserError(f"--split {chosen}: the data have no such images; use --split all")
        return replace(self, test=parts[chosen]), words[chosen]

    @property
    def n_train(self) -> int:
        """Number of training images of one model; of seed 0 if the tail rotates."""
        return len(self.train) if self.tail is None else sum(self.tail)

    def limited(self, train_limit: int | None, test_limit: int | None) -> "Dataset":
        """Limit the images of each split, stratified by class and reproducible."""
        return replace(
            self, train=_limit(self.train, train_limit), test=_limit(self.test, test_limit)
        )


def _limit(split: Split, limit: int | None) -> Split:
    if limit is None or limit >= len(split):
        return split
    return split.take(stratified_sample(split.labels, limit))


def stratified_sample(labels: npt.NDArray[np.int64], size: int, *, random_seed: int = 0) -> Indices:
    """Draw ``size`` indices, each class in proportion (largest remainders), ascending.

    Raises
    ------
    UserError
        The size is smaller than the number of classes.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if size < len(classes):
        raise UserError(
            f"a limit of {size} images leaves classes empty; expected at least {len(classes)}"
        )
    exact = counts * (size / len(labels))
    take = np.maximum(np.floor(exact).astype(int), 1)
    order = np.argsort(-(exact - np.floor(exact)), kind="stable")
    for index in np.resize(order, 2 * len(order) * max(1, abs(size - int(take.sum())))):
        if take.sum() < size and take[index] < counts[index]:
            take[index] += 1
        elif take.sum() > size and take[index] > 1:
            take[index] -= 1
    generator = np.random.default_rng(random_seed)
    chosen = [
        generator.permutation(np.flatnonzero(labels == c))[:n]
        for c, n in zip(classes, take, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def meta_frame(frame: pd.DataFrame) -> pd.DataFrame | None:
    """Prefix column names with ``meta_`` and make them unique; None without columns."""
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
    """Return the indices of train and test images, both ascending.

    Of a class with n images ``round(test_share * n)`` go to test, at least one to each split if n
    >= 2; a single image goes to train.
    """
    generator = np.random.default_rng(random_seed)
    test = []
    for class_id in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == class_id))
        count = min(max(round(test_share * len(members)), 1), len(members) - 1)
        test.append(members[:count])
    chosen = np.sort(np.concatenate(test)) if test else np.empty(0, np.intp)
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen
