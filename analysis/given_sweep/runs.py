"""Running given models over the test images, dense ones first."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Any

import numpy as np

from analysis import schema, workers
from analysis.config import DENSE_ID
from analysis.datasets.preprocess import Progress
from analysis.given.fit import Fit
from analysis.manifest import Manifest
from analysis.recording import record_run
from analysis.run import Outcome
from analysis.store import SweepFolder

Say = Callable[[str], None]


class Work:
    """What all steps of one sweep of given models share.

    ``context`` is what ``GivenContext`` takes. Runs are held against the dense run of their seed,
    image by image, where they are ``paired`` or there is one run a variant.
    """

    def __init__(
        self,
        pool: Any,
        context: tuple[Any, ...],
        folder: SweepFolder,
        manifest: Manifest,
        fits: Sequence[Fit],
        progress: Progress,
        *,
        paired: bool,
    ) -> None:
        self.pool, self.context, self.folder, self.manifest = pool, context, folder, manifest
        self.fits, self.progress = fits, progress
        dense = {fit.model.seed: fit for fit in fits if fit.model.variant_id == DENSE_ID}
        self._dense = dense if paired or len(manifest.seeds) == 1 else {}

    def phases(self, todo: Sequence[Fit]) -> Iterator[list[tuple[Fit, Fit | None]]]:
        """Dense models, then the others, which are held against their outputs."""
        yield [(fit, None) for fit in todo if fit.model.variant_id == DENSE_ID]
        yield [
            (fit, self._dense.get(fit.model.seed))
            for fit in todo
            if fit.model.variant_id != DENSE_ID
        ]


def run(work: Work) -> None:
    """Run what is not done."""
    manifest = work.manifest
    todo = [fit for fit in work.fits if manifest.run(*fit.model.key).state != "done"]
    work.progress("runs", manifest.n_done, manifest.n_runs)
    for phase in work.phases(todo):
        running: dict[Future[Outcome], Fit] = {
            workers.evaluate_given(work.pool, work.context, fit, dense): fit for fit, dense in phase
        }
        for future in as_completed(running):
            record_run(work.folder, manifest, running[future].model.key, future)
            work.progress("runs", manifest.n_done, manifest.n_runs)


def warn(folder: SweepFolder, manifest: Manifest, say: Say) -> None:
    """Say where dense models are hardly better than chance: they are fed what they do not know."""
    label = folder.read_images([schema.LABEL])[schema.LABEL].to_numpy()
    chance = 1 / len(manifest.class_names)
    for seed in manifest.done_seeds(DENSE_ID):
        found = folder.read_population(DENSE_ID, [schema.PREDICTION], [seed], len(label))
        top1 = float(np.mean(found.prediction[0] == label))
        noise = 3 * float(np.sqrt(chance * (1 - chance) / len(label)))
        if top1 < max(chance + noise, 2 * chance if chance <= 0.25 else 0):
            note = (
                f"dense, seed {seed}, is right on {100 * top1:.1f} % of the images, near chance "
                f"({100 * chance:.1f} %): the usual causes are another normalization "
                "(--normalize, --mean, --std) and another order of the classes"
            )
            say(f"warning: {note}")
            manifest.dataset["notes"] = [*manifest.dataset["notes"], note]
    folder.write_manifest(manifest)
