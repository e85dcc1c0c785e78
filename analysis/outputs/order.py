"""Order check: whether the outputs of a model are in the order of the classes.

Two swapped classes cost many points silently. The best assignment of classes to outputs is found
from the confusion matrix of one half of the images, and compared on the other with the one in use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from analysis.p_values import p_text
from analysis.stats.pairs import mcnemar

IntArray = npt.NDArray[Any]

_FEWEST = 5
_P = 1e-3
_POINTS = 0.03
# Of the images of moved classes: two classes of a thousand are a small share of all images.
_POINTS_OF_MOVED = 0.25
# Of the same images, in the other order: below, the model is too weak to infer its order.
_FEWEST_RIGHT = 1 / 3
_SHOWN = 6


@dataclass(frozen=True)
class OrderFinding:
    """Result of the order check.

    Parameters
    ----------
    sentence : str
        The result in words.
    is_wrong : bool
        Whether another assignment is right on significantly more images.
    names : tuple of str or None
        Class names in the right order of the outputs; None if the order in use is not wrong.
    gain : float
        Accuracy on the judged images with that assignment, minus the accuracy in use.
    p : float
        McNemar's exact p of the gain; NaN if not tested.
    """

    sentence: str
    is_wrong: bool = False
    names: tuple[str, ...] | None = None
    gain: float = 0.0
    p: float = float("nan")

    def listing(self, limit: int = 40) -> str:
        """Return the lines of the ``--classes`` file that corrects it, at most ``limit``."""
        names = self.names or ()
        more = []
        if len(names) > limit:
            more = [f"… {len(names)} in all: 'doctor --format json' prints them as a list"]
        return "\n".join([*names[:limit], *more])


def check_order(
    label: IntArray,
    prediction: IntArray,
    class_names: Sequence[str],
    answered: npt.NDArray[np.bool_] | None = None,
    *,
    random_seed: int = 0,
) -> OrderFinding:
    """Check that a model's outputs are in the order of the classes.

    On half of the images of each class, the assignment of classes to outputs with the highest
    accuracy is found (the Hungarian method); it is tested on the other half by McNemar's exact
    test. The order is wrong if p < .001 and the other assignment gains more than 3 points on all
    images, or more than 25 points on those of moved classes, and is right on a third of the
    latter. Classes with fewer than 5 images are left out.

    Parameters
    ----------
    label, prediction : integer arrays, shape (N,)
        True output by the assignment in use, and predicted output; -1 for no answer.
    class_names : sequence of str
        Name of each output.
    answered : bool array, shape (N,), optional
        Images that count; those with an answer by default.
    random_seed : int
        Random seed of the halves.
    """
    used = prediction >= 0 if answered is None else answered
    label, prediction = np.asarray(label)[used], np.asarray(prediction)[used]
    n_classes = len(class_names)
    classes = np.flatnonzero(np.bincount(label, minlength=n_classes) >= _FEWEST)
    if len(classes) < 2:
        return OrderFinding(
            f"order of the classes not checked: it takes {_FEWEST} images of a class, and "
            f"{len(classes)} of {len(np.unique(label))} classes have them"
        )
    taking = np.isin(label, classes)
    label, prediction = label[taking], prediction[taking]
    first = _half(label, random_seed)
    output = _best(label[first], prediction[first], classes, n_classes)
    moved = output[classes] != classes
    if not moved.any():
        return _right(classes, label)
    second = ~first
    now = (prediction == label)[second]
    then = (prediction == output[label])[second]
    gain = float(then.mean() - now.mean())
    of_moved = np.isin(label[second], classes[moved])
    gain_of_moved = gain * len(now) / max(1, int(of_moved.sum()))
    p = float(mcnemar(np.array([(now & ~then).sum()]), np.array([(~now & then).sum()]))[0])
    if p >= _P or not (gain > _POINTS or gain_of_moved > _POINTS_OF_MOVED):
        return _right(classes, label)
    if then[of_moved].mean() < _FEWEST_RIGHT:
        return OrderFinding(
            f"order of the classes not clear: the model is right on {100 * now.mean():.1f} % of "
            f"{len(now):,} images, in the best other order on {100 * then.mean():.1f} %, too few "
            "to distinguish another order from wrongly fed images",
            gain=gain, p=p,
        )  # fmt: skip
    names = _renamed(class_names, classes[moved], output)
    return OrderFinding(_sentence(class_names, classes[moved], output, now, then, p),
                        True, names, gain, p)  # fmt: skip


def _right(classes: IntArray, label: IntArray) -> OrderFinding:
    return OrderFinding(
        f"order of the classes checked on {len(label):,} images of {len(classes):,} classes: no "
        "other order is significantly better"
    )


def _half(label: IntArray, random_seed: int) -> npt.NDArray[np.bool_]:
    """Draw one half of the images of each class."""
    generator = np.random.default_rng(random_seed)
    order = generator.permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]
    sorted_label = label[order]
    starts = np.searchsorted(sorted_label, sorted_label)
    first = np.zeros(len(label), bool)
    first[order] = (np.arange(len(label)) - starts) % 2 == 0
    return first


def _best(label: IntArray, prediction: IntArray, classes: IntArray, n: int) -> IntArray:
    """Return the assignment with the most images right, preferring the one in use."""
    row = np.full(n, -1)
    row[classes] = np.arange(len(classes))
    count = np.zeros((len(classes), n))
    np.add.at(count, (row[label], prediction), 1.0)
    count[np.arange(len(classes)), classes] += 0.5
    rows, columns = linear_sum_assignment(count, maximize=True)
    output = np.arange(n)
    output[classes[rows]] = columns
    return output


def _renamed(names: Sequence[str], moved: IntArray, output: IntArray) -> tuple[str, ...]:
    """Return the names in the order of the outputs; displaced ones fill free places in order."""
    renamed: list[str | None] = list(names)
    taken = {int(output[c]) for c in moved}
    free = [int(c) for c in moved if int(c) not in taken]
    displaced = [names[o] for o in sorted(taken) if o not in set(moved.tolist())]
    for c in moved.tolist():
        renamed[int(output[c])] = names[c]
    for place, name in zip(free, displaced, strict=False):
        renamed[place] = name
    return tuple(name or "" for name in renamed)


def _sentence(
    names: Sequence[str], moved: IntArray, output: IntArray,
    now: npt.NDArray[np.bool_], then: npt.NDArray[np.bool_], p: float,
) -> str:  # fmt: skip
    swaps = [
        f"output {int(output[c])}, taken for {names[int(output[c])]!r:.50}, looks like "
        f"{names[c]!r:.50}"
        for c in moved[:_SHOWN].tolist()
    ]
    more = f"; and {len(moved) - _SHOWN} more" if len(moved) > _SHOWN else ""
    return (
        f"the outputs seem to be in another order than the classes: {'; '.join(swaps)}{more}. With "
        f"these exchanged {100 * then.mean():.1f} % of {len(then):,} images that took no part in "
        f"finding them are right, {100 * now.mean():.1f} % as it is (McNemar {p_text(p)})"
    )
