"""Running what a plan asks for on a pool of workers, in the order in which runs need each other."""

from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from itertools import chain
from typing import Any

from analysis import workers
from analysis.compression.registry import needs_graph, quantization, trained_part
from analysis.config import DENSE, Variant
from analysis.errors import RunError
from analysis.manifest import Manifest
from analysis.plan import Run, unshifted, weights_of
from analysis.pools import Pool
from analysis.preparing import Arrays, Progress
from analysis.run import Context, Outcome, Shifted
from analysis.store import SweepFolder


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
            running[workers.export_graph(self.pool, self.context)] = None
            unfinished.add(None)
        while waiting or running:
            ready = [run for run in waiting if not unfinished.intersection(self._needs(*run))]
            waiting = [run for run in waiting if run not in ready]
            for run in ready:
                running[workers.compute(self.pool, self.context, *run)] = run
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                run_or_graph = running.pop(future)
                self._record(run_or_graph, future)
                unfinished.discard(run_or_graph)

    def shift(self, todo: Mapping[Run, tuple[str, ...]], arrays: Arrays) -> None:
        """Predict finished runs on shifts whose pixels are there, each on those named."""
        self._tell_shifted()
        running = {
            workers.shift(self.pool, self.context, *run, arrays, names): (run, names)
            for run, names in todo.items()
        }
        for future in as_completed(running):
            self._record_shifted(*running[future], future)

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

    def _record(self, run: Run | None, future: "Future[Outcome | None]") -> None:
        try:
            outcome = future.result()
        except Exception as error:
            if run is None:
                raise RunError(f"the model could not be exported to ONNX: {error}") from error
            record = self.manifest.run(run[0].variant_id, run[1])
            record.state = "failed"
            record.error = (str(error).strip() or type(error).__name__).splitlines()[0]
        else:
            if outcome is None:
                return
            record = self.manifest.run(outcome.variant_id, outcome.seed)
            for key, value in outcome.measured.items():
                setattr(record, key, value)
            record.state, record.error = "done", None
            record.latency_ms, record.seconds = outcome.latency_ms, round(outcome.seconds, 3)
            self.manifest.files |= outcome.files
        self.folder.write_manifest(self.manifest)
        self._tell()

    def _record_shifted(self, run: Run, names: tuple[str, ...], future: "Future[Shifted]") -> None:
        variant_id, seed = run[0].variant_id, run[1]
        try:
            shifted = future.result()
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            shifted = Shifted((), dict.fromkeys(names, reason), {})
        for name in names:
            record = self.manifest.shift(name)
            record.failed.pop(f"{variant_id}/seed-{seed}", None)
            if name in shifted.done:
                seeds = record.done.setdefault(variant_id, [])
                record.done[variant_id] = sorted({*seeds, seed})
            else:
                record.failed[f"{variant_id}/seed-{seed}"] = shifted.failed[name]
        self.manifest.files |= shifted.files
        self.folder.write_manifest(self.manifest)
        self._tell_shifted()
