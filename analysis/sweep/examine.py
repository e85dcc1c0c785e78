"""The ``doctor`` verb: check preprocessing and class order of external models on some images."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis import schema
from analysis.config import DENSE_ID
from analysis.datasets import open_dataset
from analysis.datasets.preprocess import Progress
from analysis.errors import UserError
from analysis.execution import Pool
from analysis.external.doctor import Diagnosis
from analysis.external.options import ExternalModelsConfig
from analysis.filesystem.copies import working_folder
from analysis.outputs.order import OrderFinding, check_order
from analysis.stats.shares import wilson
from analysis.store import SweepFolder
from analysis.store.manifest import Manifest
from analysis.sweep import tasks
from analysis.sweep.fitting import Fitting
from analysis.sweep.source import Key

# Enough to find a loss of a few points significant among some thirty preprocessings.
_SAMPLE = 512


def examine(
    config: ExternalModelsConfig,
    *,
    n_workers: int | None = None,
    n_images: int = _SAMPLE,
    pool: Pool | None = None,
    progress: Progress = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> tuple[Diagnosis, OrderFinding]:
    """Try likely preprocessing mistakes on the first dense model; write nothing.

    Parameters
    ----------
    config : ExternalModelsConfig
        The models, their dataset and their preprocessing.
    n_workers : int, optional
        Worker processes; one a core by default.
    n_images : int
        Number of images to compare preprocessings on.
    pool : Pool, optional
        An open pool to use.
    progress, say, warn : callable
        Take a phase with the number done and the total; a line of text; a warning.

    Raises
    ------
    UserError
        The dataset or a model cannot be used.
    """
    dataset = open_dataset(config.dataset, max_value=config.max_value)
    chosen, words = dataset.audited(config.split)
    chosen = chosen.limited(config.train_limit, config.test_limit)
    say(f"{len(chosen.test):,} of {dataset.n_images:,} images: {words}")
    processes = max(2, tasks.n_processes(n_workers))
    opened = nullcontext(pool) if pool else tasks.pool(processes, device=config.device)
    with working_folder() as folder, opened as pool:
        fitting = Fitting(config, chosen, folder, n_images, say=say, warn=warn, progress=progress)
        fitting.start(pool)
        fits = fitting.fits(pool)
        dense = next(fit for fit in fits if fit.key[0] == DENSE_ID)
        found = fitting.diagnose(pool, dense, n_images)
        order = check_order(
            fitting.label(fitting.sample.label),
            fitting.predictions(dense),
            fitting.class_names,
        )
    return found, order


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
        Per cent; None if unknown.

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
