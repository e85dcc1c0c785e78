"""What is checked of external models before and after they are evaluated."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.outputs.order import check_order
from analysis.stats.shares import wilson
from analysis.store import SweepFolder
from analysis.store.manifest import Manifest
from analysis.sweep.source import Key

Ids = npt.NDArray[Any]


def checked_order(
    model: str,
    label: Ids,
    prediction: Ids,
    class_names: Sequence[str],
    *,
    is_accepted: bool,
    before: Iterable[str] = (),
) -> tuple[str, bool]:
    """Check the order of a dense model's classes on all images.

    Parameters
    ----------
    model : str
        What messages call it.
    label, prediction : integer arrays, shape (N,)
    class_names : sequence of str
        A name an output.
    is_accepted : bool
        Whether another order is taken as it is.
    before : iterable of str
        What was found before, which stands first in a refusal.

    Returns
    -------
    str, bool
        What was found, and whether it is a warning.

    Raises
    ------
    UserError
        The outputs are in another order than the classes; the message has the file that mends it.
    """
    found = check_order(label, prediction, class_names)
    if not found.is_wrong:
        return f"{model}: {found.sentence}", False
    if is_accepted:
        return f"{model}: {found.sentence}; taken as it is (--accept-classes)", True
    first = "".join(f"{one}. " for one in before)
    raise UserError(
        f"{first}{model}: {found.sentence}. Nothing was written. A --classes file with these "
        f"lines mends it, --accept-classes goes on without:\n{found.listing()}"
    )


def check_top1(share: float, n: int, known: float | None) -> None:
    """Check the accuracy of dense against the one that it is known to reach.

    Parameters
    ----------
    share : float
        Share of the images that dense is right on, 0..1.
    n : int
        Images.
    known : float or None
        Per cent; None where nothing is known.

    Raises
    ------
    UserError
        It lies outside the 95 % interval (Wilson) of the share.
    """
    if known is None:
        return
    low, high = (float(side[0]) for side in wilson(np.array([round(share * n)]), n))
    if not low <= known / 100 <= high:
        raise UserError(
            f"--dense-top1 {known:g}: dense is right on {100 * share:.2f} % of {n:,} images "
            f"(95 % interval {100 * low:.2f} to {100 * high:.2f} %), so it is fed or read "
            "otherwise than where that was measured; 'doctor' tries the usual mistakes. Nothing "
            "was written"
        )


def notes_of_runs(folder: SweepFolder, manifest: Manifest, runs: Iterable[Key]) -> list[str]:
    """Say which dense runs are hardly better than chance, and which runs have no answer to images.

    The usual causes of the first are another normalization and another order of the classes.
    """
    label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    chance = 1 / len(np.unique(label))
    noise = 3 * float(np.sqrt(chance * (1 - chance) / len(label)))
    notes = []
    for name, seed in runs:
        if manifest.run(name, seed).state != "done":
            continue
        found = folder.read_population(name, [schema.PREDICTION], [seed], len(label))
        prediction = found.prediction[0]
        top1 = float(np.mean(prediction == label))
        is_low = top1 < max(chance + noise, 2 * chance if chance <= 0.25 else 0)
        if name == DENSE_ID and is_low:
            notes.append(
                f"dense, seed {seed}, is right on {100 * top1:.1f} % of the images, near "
                f"chance ({100 * chance:.1f} %): the usual causes are another normalization "
                "(--normalize, --mean, --std) and another order of the classes; 'doctor' with "
                "the same options tries them"
            )
        n = int((prediction == schema.NO_ANSWER).sum())
        if n:
            notes.append(
                f"{name}, seed {seed}, gives no finite score on {n:,} images: they have no answer "
                "and count as wrong"
            )
    return notes
