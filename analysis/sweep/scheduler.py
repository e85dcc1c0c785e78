"""Running what a plan asks for on a pool of workers, in the order in which runs need each other.

Running given models over the test images, dense ones first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from itertools import chain
from typing import Any

import numpy as np

from analysis import schema
from analysis.compression.registry import needs_graph, quantization, trained_part
from analysis.config import DENSE, DENSE_ID, Variant
from analysis.datasets.preprocess import Arrays, Progress
from analysis.errors import RunError
from analysis.execution import Pool
from analysis.external.signature import Fit
from analysis.store import SweepFolder
from analysis.store.manifest import Manifest
from analysis.sweep import tasks
from analysis.sweep.plan import Run, unshifted, weights_of
from analysis.sweep.record import record_run, record_shifted
from analysis.training.messages import Context, Outcome


class Engine:
    """Sends runs to the pool as soon as what they start from is there, and records outcomes."""

    def __init__(
        self,
        pool: Pool,
        folder: SweepFolder,
        manifest: Manifest,
        context: Context,
        progress: Progress,
    ) -> None:
        self.pool = pool
        self.folder = folder
        self.manifest = manifest
        self.context = context
        self.progress = progress

    def run(self, variants: tuple[Variant, ...]) -> None:
        """Make every run of these variants that is not done, and what their shifts will need."""
        self._tell()
        shifted = unshifted(self.manifest, self.context.sweep, variants)
        waiting = self._with_missing_bases(
            [
                (variant, seed)
                for variant in variants
                for seed in range(self.context.sweep.seeds)
                if self.manifest.run(variant.variant_id, seed).state != "done"
            ],
            shifted,
        )
        unfinished: set[Run | None] = set(waiting)
        running: dict[Future[Any], Run | None] = {}
        if any(needs_graph(variant) for variant, _ in (*waiting, *shifted)):
            running[tasks.export_graph(self.pool, self.context)] = None
            unfinished.add(None)
        while waiting or running:
            ready = [run for run in waiting if not unfinished.intersection(self._needs(*run))]
            waiting = [run for run in waiting if run not in ready]
            for run in ready:
                running[tasks.compute(self.pool, self.context, *run)] = run
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                run_or_graph = running.pop(future)
                if run_or_graph is None:
                    _check_exported(future)
                else:
                    record_run(self.folder, self.manifest, _key(run_or_graph), future)
                    self._tell()
                unfinished.discard(run_or_graph)

    def shift(self, todo: Mapping[Run, tuple[str, ...]], arrays: Arrays) -> None:
        """Predict finished runs on shifts whose pixels are there, each on those named."""
        self._tell_shifted()
        running = {
            tasks.shift(self.pool, self.context, *run, arrays, names): (run, names)
            for run, names in todo.items()
        }
        for future in as_completed(running):
            run, names = running[future]
            record_shifted(self.folder, self.manifest, _key(run), names, future)
            self._tell_shifted()

    def _tell(self) -> None:
        self.progress("runs", self.manifest.n_done, self.manifest.n_runs)

    def _tell_shifted(self) -> None:
        self.progress("shifted runs", self.manifest.n_shifted_done, self.manifest.n_shifted)

    def _needs(self, variant: Variant, seed: int) -> set[Run | None]:
        """What must be finished first: the run it starts from, and (None) the shared graph."""
        needs: set[Run | None] = {None} if needs_graph(variant) else set()
        if quantization(variant) is not None:
            needs.add((trained_part(variant), seed))
        if self.context.sweep.training.pairs_runs and not variant.is_dense:
            needs.add((DENSE, seed))
        return needs

    def _with_missing_bases(self, todo: list[Run], shifted: Iterable[Run]) -> list[Run]:
        """Put those runs first that are done, but whose weights are gone and needed now."""
        gone: list[Run] = []

        def note_gone(bases: Iterable[Run | None]) -> None:
            gone.extend(
                base
                for base in bases
                if base is not None
                and base not in todo
                and base not in gone
                and not self.folder.weights_path(base[0].variant_id, base[1]).is_file()
            )

        for run in shifted:
            note_gone(weights_of(self.context.sweep, run))
        for run in chain(todo, gone):  # what is gone can itself start from what is gone
            note_gone(self._needs(*run))
        return sorted(gone, key=lambda run: (run[0].variant_id, run[1])) + todo


def _key(run: Run) -> tuple[str, int]:
    return run[0].variant_id, run[1]


def _check_exported(future: "Future[None]") -> None:
    try:
        future.result()
    except Exception as error:
        raise RunError(f"the model could not be exported to ONNX: {error}") from error


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
            tasks.evaluate_given(work.pool, work.context, fit, dense): fit for fit, dense in phase
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
