"""Evaluation of models over a loader, in one pass for all of them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from operator import length_hint
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from tqdm import tqdm

from analysis.datasets.preprocess import thumbnail_row
from analysis.errors import UserError, one_line
from analysis.external.torch_modules import arrays
from analysis.notebook.inputs import Array, Run, as_array
from analysis.notebook.pictures import FedPictures, Pictures, of_files, picture_of
from analysis.outputs.scores import as_table

_IMAGES = ("pixel_values", "images", "image", "inputs", "x")
_LABELS = ("labels", "label", "targets", "target", "y")
_PREFERRED = ("logits", "output", "probabilities", "prob")


@dataclass
class Collected:
    """Results of models over a loader: scores of each run, labels, thumbnails and notes."""

    scores: dict[Run, Array]
    label: Array
    class_names: tuple[str, ...] | None
    pictures: Pictures | None
    notes: list[str] = field(default_factory=list)


def collect(models: Mapping[Run, Any], loader: Iterable[Any]) -> Collected:
    """Run every model on every batch of a loader, which is iterated once.

    Parameters
    ----------
    models : mapping
        Modules of torch, or functions from a batch of images to scores.
    loader : iterable
        Batches of (images, labels), or mappings with ``pixel_values`` and ``labels``.

    Raises
    ------
    UserError
        The loader has no batch or an unexpected one, or a model fails.
    """
    if not isinstance(loader, Iterable):
        raise UserError(
            f"audit: {type(loader).__name__} cannot be iterated; expected batches of (images, "
            "labels), such as a DataLoader, or labels=… beside arrays of scores"
        )
    for (variant_id, seed), model in models.items():
        if not callable(model):
            raise UserError(
                f"audit: {variant_id}@{seed} is {type(model).__name__}; beside a loader expected "
                "models that can be called. Scores go with labels=… and no loader"
            )
    with closing(FedPictures()) as fed:
        return _collected(models, loader, fed)


def _collected(models: Mapping[Run, Any], loader: Any, fed: FedPictures) -> Collected:
    parts: dict[Run, list[Array]] = {run: [] for run in models}
    names: dict[Run, str] = {}
    labels: list[Array] = []
    # If the dataset has pictures, the inputs need not be stored.
    are_shown = not (_is_in_order(loader) and len(_held(_unwrapped(loader.dataset)[0])))
    with ExitStack() as stack:
        for model in {id(model): model for model in models.values()}.values():
            stack.enter_context(_evaluating(model))
        stack.enter_context(torch.no_grad())
        for place, batch in enumerate(_with_bar(loader)):
            images, label = _of_batch(batch, place)
            labels.append(label)
            are_shown = are_shown and fed.add(images)
            for run, model in models.items():
                parts[run].append(_scores(run, model, images, len(label), place, names))
    if not labels:
        raise UserError(
            "audit: the loader has no batch; a generator can be iterated only once: "
            "create it again, or give a DataLoader"
        )
    label = np.concatenate(labels)
    scores = {run: _joined(run, batches) for run, batches in parts.items()}
    classes, pictures, notes = _of_dataset(loader, label)
    if pictures is None and are_shown:
        pictures = fed.pictures()
        notes.append(pictures.note)
    return Collected(scores, label, classes, pictures, notes)


def _with_bar(loader: Iterable[Any]) -> Iterator[Any]:
    """Iterate with a progress bar, shown after two seconds."""
    n = length_hint(loader, -1)
    total = n if n >= 0 else None
    yield from tqdm(loader, desc="predicting", total=total, unit="batch", delay=2, leave=False)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Put a module into evaluation mode, and restore the mode of each of its parts."""
    module = model if isinstance(model, nn.Module) else getattr(model, "__self__", None)
    if not isinstance(module, nn.Module):
        yield
        return
    modes = [(one, one.training) for one in module.modules()]
    try:
        module.eval()
    except NotImplementedError:
        modes = []  # a program of torch.export, whose mode is fixed
    try:
        yield
    finally:
        for one, is_training in modes:
            one.training = is_training


def _of_batch(batch: Any, place: int) -> tuple[Any, Array]:
    what = f"batch {place} of the loader"
    if isinstance(batch, Mapping):
        images = next((batch[key] for key in _IMAGES if key in batch), None)
        labels = next((batch[key] for key in _LABELS if key in batch), None)
        if images is None or labels is None:
            raise UserError(
                f"{what} has {', '.join(map(str, batch))}; expected 'pixel_values' and 'labels'"
            )
    elif isinstance(batch, tuple | list) and len(batch) >= 2:
        images, labels = batch[0], batch[1]
    else:
        raise UserError(
            f"{what} is {type(batch).__name__}; expected (images, labels), or a mapping with "
            "'pixel_values' and 'labels'"
        )
    label = as_array(labels, f"the labels of {what}")
    if label.ndim == 2 and label.shape[1] == 1:
        label = label[:, 0]
    if label.ndim != 1:
        raise UserError(
            f"the labels of {what} have the shape {list(label.shape)}; expected one class an image"
        )
    if not hasattr(images, "__len__") or len(images) != len(label):
        n = len(images) if hasattr(images, "__len__") else "no"
        raise UserError(f"{what} has {n} images and {len(label)} labels")
    return images, label


def _scores(run: Run, model: Any, images: Any, n: int, place: int, names: dict[Run, str]) -> Array:
    name = f"{run[0]}@{run[1]}"
    try:
        outputs = arrays(model(_moved(model, images)))
    except Exception as error:
        raise UserError(f"audit: {name} fails on batch {place}: {one_line(error)}") from error
    tables = {key: table for key, one in outputs.items() if (table := as_table(one, n)) is not None}
    if run not in names:
        wide = [key for key, table in tables.items() if table.ndim == 2]
        wide.sort(key=lambda key: tables[key].dtype.kind != "f")
        named = [key for key in _PREFERRED if key in tables]
        names[run] = next(iter([*named, *wide, *tables]), "")
    if names[run] not in tables:
        shapes = ", ".join(str(list(one.shape)) for one in outputs.values()) or "nothing"
        raise UserError(
            f"audit: {name} gives {shapes} for {n} images; expected scores [{n}, classes], or "
            f"labels [{n}]"
        )
    return np.array(tables[names[run]])  # a copy, since a model may reuse its output


def _moved(model: Any, images: Any) -> Any:
    """Move images to the device and type of a module's weights; leave them for a function."""
    module = model if isinstance(model, nn.Module) else getattr(model, "__self__", None)
    if not isinstance(module, nn.Module):
        return images
    if isinstance(images, list | np.ndarray):
        images = torch.as_tensor(np.asarray(images))
    weight = next((one for one in module.parameters() if one.is_floating_point()), None)
    if weight is None or not isinstance(images, torch.Tensor):
        return images
    kind = weight.dtype if images.is_floating_point() else images.dtype
    return images.to(weight.device, kind)


def _joined(run: Run, parts: list[Array]) -> Array:
    widths = {part.shape[1:] for part in parts}
    if len(widths) > 1:
        raise UserError(
            f"audit: {run[0]}@{run[1]} gives {' and '.join(str(list(w)) for w in widths)} scores "
            "an image, batch by batch; expected the same number"
        )
    joined = np.concatenate(parts)
    parts.clear()
    return joined


def _of_dataset(
    loader: Any, label: Array
) -> tuple[tuple[str, ...] | None, Pictures | None, list[str]]:
    """Return class names, pictures and notes of the loader's dataset, if its order is known."""
    dataset, indices = _unwrapped(getattr(loader, "dataset", None))
    names = getattr(dataset, "classes", None)
    classes = (
        tuple(map(str, names))
        if isinstance(names, tuple | list) and all(isinstance(one, str) for one in names)
        else None
    )
    held = _held(dataset)
    n = len(held)
    if not n:
        return classes, None, []
    if not _is_in_order(loader):
        return (
            classes,
            None,
            ["the loader shuffles, so its images cannot be matched to the pictures of the dataset"],
        )
    places = (np.arange(n) if indices is None else indices)[
        : len(label)
    ]  # the loader may drop some
    mismatch = (
        "the labels of the loader differ from those of its dataset's pictures, so no thumbnail is "
        "shown; images=… gives them"
    )
    if len(places) < len(label) or places.max() >= n:
        return classes, None, [mismatch]
    if isinstance(held, list):
        try:
            paths = [Path(held[i][0]) for i in places]
            own = [held[i][1] for i in places]
        except (TypeError, IndexError, KeyError):
            return classes, None, [mismatch]
        if own != label.tolist() or not all(path.is_file() for path in paths):
            return classes, None, [mismatch]
        return classes, of_files(paths), []
    targets = np.asarray(getattr(dataset, "targets", getattr(dataset, "labels", [])))
    if len(targets) != n or not np.array_equal(targets[places], label):
        return classes, None, [mismatch]
    pixels = np.asarray(held)

    def row(index: int) -> dict[str, Any]:
        picture: Image.Image = picture_of(pixels[places[index]])
        return thumbnail_row(picture)

    return classes, Pictures(len(label), row), []


def _held(dataset: Any) -> Any:
    """Return the pictures of a dataset: ``samples`` of files, ``data`` of pixels, or nothing."""
    samples = getattr(dataset, "samples", getattr(dataset, "imgs", None))
    if isinstance(samples, list):
        return samples
    data = getattr(dataset, "data", None)
    return data if _is_pixels(data) else []


def _is_pixels(data: Any) -> bool:
    """Whether a dataset's ``data`` are pictures, as in torchvision."""
    kind = str(getattr(data, "dtype", ""))
    return kind.endswith("uint8") and getattr(data, "ndim", 0) in (3, 4)


def _unwrapped(dataset: Any) -> tuple[Any, Array | None]:
    """Return the dataset below any Subset, and the indices of its images in use."""
    indices: Array | None = None
    while isinstance(dataset, torch.utils.data.Subset):
        own = np.asarray(dataset.indices, np.int64)
        indices = own if indices is None else own[indices]
        dataset = dataset.dataset
    return dataset, indices


def _is_in_order(loader: Any) -> bool:
    """Whether a DataLoader reads its dataset's images in order."""
    data = torch.utils.data
    if not isinstance(loader, data.DataLoader):
        return False
    batches = loader.batch_sampler
    return isinstance(loader.sampler, data.SequentialSampler) and (
        batches is None or type(batches) is data.BatchSampler
    )
