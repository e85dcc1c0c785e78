"""Checks of the arguments of ``audit``: runs by variant, scores, labels and class names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.importing.encode import variant_record
from analysis.outputs.scores import as_table, two_classes

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]
Run = tuple[str, int]
_SHOWN = 5


def runs_of(models: Any) -> dict[Run, Any]:
    """Read models or scores by variant: one each, a list of runs, or runs by seed.

    Raises
    ------
    UserError
        ``models`` is no mapping or empty, or a variant's name cannot be used.
    """
    if not isinstance(models, Mapping) or not models:
        what = "an empty one" if isinstance(models, Mapping) else type(models).__name__
        raise UserError(
            "audit: expected a dict of models or scores by variant, such as {'dense': model, "
            f"'int8': quantized}}; this is {what}"
        )
    runs: dict[Run, Any] = {}
    for name, value in models.items():
        variant_id = variant_record(str(name), paired=False).variant_id
        for seed, one in _seeds(value).items():
            if (variant_id, seed) in runs:
                raise UserError(f"audit: {variant_id}@{seed} is given twice")
            runs[variant_id, seed] = one
    return runs


def _seeds(value: Any) -> dict[int, Any]:
    if isinstance(value, Mapping):
        if not value or not all(isinstance(seed, int) and seed >= 0 for seed in value):
            raise UserError(
                "audit: runs of a variant by seed are {0: model, 1: model}, with whole numbers "
                "from 0"
            )
        return dict(value)
    if isinstance(value, tuple | list) and value and not _is_rows(value):
        return dict(enumerate(value))
    return {0: value}


def _is_rows(value: Sequence[Any]) -> bool:
    """Whether a list holds rows of scores, or labels, of one run instead of several runs."""
    first = value[0]
    if callable(first) or getattr(first, "ndim", 0) >= 2:
        return False
    if isinstance(first, str | int | float | np.generic):
        return True
    return not (isinstance(first, tuple | list) and first and hasattr(first[0], "__len__"))


def check_variants(runs: Mapping[Run, Any], existing: set[Run]) -> None:
    """Check that there is a dense run, among the new ones or in the sweep.

    Raises
    ------
    UserError
        There is no dense run.
    """
    if not any(variant_id == DENSE_ID for variant_id, _ in (*runs, *existing)):
        names = ", ".join(dict.fromkeys(variant_id for variant_id, _ in runs))
        raise UserError(
            f"audit: none of {names} is 'dense', the uncompressed model that the others are "
            "compared with; name it dense: {'dense': …, …}"
        )


def as_array(value: Any, name: str) -> Array:
    """Convert NumPy arrays, torch tensors or lists to an array of numbers or names.

    Raises
    ------
    UserError
        The value is neither numbers nor names.
    """
    if hasattr(value, "detach"):  # a tensor of torch, of any device and type
        value = value.detach().cpu()
        value = value.dequantize() if value.is_quantized else value
        if value.is_floating_point() and value.element_size() == 2:
            value = value.float()  # NumPy has no bfloat16
        value = value.numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise UserError(f"{name}: rows of different lengths, or no numbers ({error})") from None
    if array.dtype.kind == "O" and array.ndim == 1 and all(isinstance(v, str) for v in array):
        array = array.astype(str)
    if array.dtype.kind not in "fiubU":
        raise UserError(f"{name} hold {array.dtype}; expected numbers, or names of classes")
    return array


def scores_of(value: Any, name: str, n: int, kind: str = "auto") -> Array:
    """Return the scores (n, C) of a run, or its labels (n,).

    Raises
    ------
    UserError
        The number of images or the shape is wrong.
    """
    array = as_array(value, name)
    if array.ndim and len(array) != n and not (array.ndim > 2 and array.shape[0] == 1):
        raise UserError(
            f"{name} have {len(array):,} rows, and there are {n:,} labels; expected a row an "
            "image, in the order of the labels"
        )
    if array.ndim == 1 and array.dtype.kind == "U":
        return array
    table = as_table(array, n)
    if table is None:
        raise UserError(
            f"{name} have the shape {list(array.shape)} of {array.dtype}; expected scores [N, "
            "classes], or predicted labels [N]"
        )
    return two_classes(table, kind) if table.ndim == 2 and table.shape[1] == 1 else table


def n_classes_of(scores: Mapping[Run, Array], names: Sequence[str] | None, label: Array) -> int:
    """Return the number of classes: of scores a row, else of names, else the largest label + 1.

    Raises
    ------
    UserError
        Two runs, or a run and the names, have different numbers.
    """
    widths = {run: array.shape[1] for run, array in scores.items() if array.ndim == 2}
    if len(set(widths.values())) > 1:
        (one, n), (other, m) = sorted(widths.items(), key=lambda item: item[1])[:: len(widths) - 1]
        raise UserError(
            f"audit: {one[0]}@{one[1]} has {n} scores an image and {other[0]}@{other[1]} has {m}; "
            "expected one a class, of the same classes for all"
        )
    if names is not None:
        n = next(iter(widths.values()), len(names))
        if n != len(names):
            raise UserError(
                f"class_names has {len(names)} names ({', '.join(map(str, names[:_SHOWN]))}…), and "
                f"the models have {n} scores an image; expected a name for each, in their order"
            )
        return n
    if widths:
        return next(iter(widths.values()))
    numbers = [one for one in (label, *scores.values()) if one.dtype.kind in "iub" and one.size]
    if len(numbers) <= len(scores):
        raise UserError("audit: labels are names; class_names=[…] gives their order")
    return max(int(one.max()) for one in numbers) + 1


def class_ids(value: Array, names: Sequence[str], name: str, *, is_prediction: bool) -> Labels:
    """Convert ids or names to class ids (N,); for predictions, -1 is no answer.

    Raises
    ------
    UserError
        A value is no class.
    """
    if value.ndim != 1:
        raise UserError(
            f"{name} have the shape {list(value.shape)}; expected one class an image, [N]: Lethe "
            "audits single-label classifiers"
        )
    if value.dtype.kind == "U":
        ids = {one: i for i, one in enumerate(names)}
        class_id = np.array([ids.get(one, -2) for one in value.tolist()], np.int64)
    elif value.dtype.kind == "f" and not np.all(value == np.floor(value)):
        raise UserError(f"{name} are no whole numbers; expected class ids from 0")
    else:
        class_id = value.astype(np.int64)
    wrong = (class_id < (-1 if is_prediction else 0)) | (class_id >= len(names))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UserError(
            f"{name}, row {row}: {value[row]!s:.60} is no class; expected one of "
            + (", ".join(map(str, names[:_SHOWN])) + ", …" if value.dtype.kind == "U" else "")
            + (f"0 to {len(names) - 1}" if value.dtype.kind != "U" else "")
        )
    return class_id
