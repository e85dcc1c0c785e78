"""``doctor``: how external models are fed, and the order of their classes, on some images."""

from collections.abc import Callable
from contextlib import nullcontext

from analysis.config import DENSE_ID
from analysis.datasets import open_dataset
from analysis.datasets.preprocess import Progress
from analysis.execution import Pool
from analysis.external.doctor import Diagnosis
from analysis.external.options import ExternalModelsConfig
from analysis.filesystem.copies import working_folder
from analysis.outputs.order import OrderFinding, check_order
from analysis.sweep import tasks
from analysis.sweep.fitting import Fitting

# Enough that a mistake of a few points is significant among some thirty feedings.
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
    """Try the likely mistakes of feeding on the first dense model; write nothing.

    Parameters
    ----------
    config : ExternalModelsConfig
        The models, their dataset, and the feeding in use.
    n_workers : int, optional
        Worker processes; one a core by default.
    n_images : int
        Images that feedings are compared on.
    pool : Pool, optional
        Workers that are open already.
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
