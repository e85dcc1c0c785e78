"""Schedule the jobs of a sweep on a pool by their dependencies and record their results."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from analysis.errors import RunError
from analysis.sweep.record import record_run, record_shifted
from analysis.sweep.source import Key, Missing, ModelSource, Workplace

Job = TypeVar("Job", bound=Hashable)


def run_all(
    jobs: Sequence[Job],
    *,
    needs: Callable[[Job], set[Any]],
    submit: Callable[[Job], "Future[Any]"],
    finished: Callable[[Job, "Future[Any]"], None],
    started: Mapping["Future[Any]", Job] | None = None,
) -> None:
    """Run jobs, each once the jobs it needs have finished or failed.

    Parameters
    ----------
    jobs
        In the order of submission among jobs that are ready.
    needs
        Returns the jobs that a job waits for; others count as finished.
    submit
        Submits a job to a worker.
    finished
        Receives every job and its future in this process, in order of completion.
    started
        Jobs that are running already.
    """
    running: dict[Future[Any], Job] = dict(started or {})
    waiting = list(jobs)
    unfinished = {*waiting, *running.values()}
    while waiting or running:
        ready = [job for job in waiting if not unfinished & needs(job)]
        waiting = [job for job in waiting if job not in ready]
        running |= {submit(job): job for job in ready}
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            job = running.pop(future)
            finished(job, future)
            unfinished.discard(job)


def make_runs(source: ModelSource, work: Workplace, missing: Missing) -> None:
    """Make every missing run, and those whose lost weights the shifts need.

    Raises
    ------
    RunError
        The shared graph cannot be exported.
    """
    manifest = work.manifest

    def report() -> None:
        work.progress("runs", manifest.n_done, manifest.n_runs)

    def finished(run: Key | None, future: "Future[Any]") -> None:
        if run is None:
            _check_shared(future)
        else:
            record_run(work.folder, manifest, run, future)
            report()

    report()
    todo = source.todo(work, missing)
    shared = source.shared_step(work.pool, [*todo, *missing])
    run_all(
        list[Key | None](todo),
        needs=lambda run: set() if run is None else source.needs(run),
        submit=lambda run: source.submit(work.pool, run),  # type: ignore[arg-type]
        finished=finished,
        started=None if shared is None else {shared: None},
    )


def predict_shifted(source: ModelSource, work: Workplace, missing: Missing, arrays: Any) -> None:
    """Predict finished runs on their missing shifts, from decoded pixels."""
    manifest = work.manifest

    def report() -> None:
        work.progress("shifted runs", manifest.n_shifted_done, manifest.n_shifted)

    def finished(run: Key, future: "Future[Any]") -> None:
        record_shifted(work.folder, manifest, run, missing[run], future)
        report()

    report()
    run_all(
        list(missing),
        needs=source.shift_needs,
        submit=lambda run: source.submit_shift(work.pool, run, arrays, missing[run]),
        finished=finished,
    )


def _check_shared(future: "Future[None]") -> None:
    try:
        future.result()
    except Exception as error:
        raise RunError(f"the model could not be exported to ONNX: {error}") from error
