"""Running a sweep: plan = what is asked minus what exists; the rest goes to worker processes."""

import platform
import shutil
import subprocess
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path
from typing import Any

from analysis import workers
from analysis.compression.registry import check_variant, quantization, trained_part
from analysis.config import DENSE, Sweep, Training, Variant, parse_variants
from analysis.datasets import open_dataset
from analysis.errors import RunError, UserError
from analysis.manifest import Manifest, VariantRecord
from analysis.models.spec import ModelSpec
from analysis.preparing import Prepared, Progress, prepare
from analysis.run import Context, Outcome
from analysis.store import Cache, SweepFolder

Run = tuple[Variant, int]


def _silent(phase: str, done: int, total: int) -> None:
    pass


_LIBRARIES = (
    "torch",
    "timm",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "pillow",
    "onnx",
    "onnxruntime",
)


def asked_variants(sweep: Sweep) -> tuple[Variant, ...]:
    """Variants of a sweep, and the pruned ones that a combined one starts from.

    Raises
    ------
    UserError
        A variant does not fit the registered methods.
    """
    variants: list[Variant] = []
    for variant in sweep.variants:
        check_variant(variant)
        variants += [trained_part(variant), variant]
    return tuple(dict.fromkeys(variants))


def run_sweep(
    sweep: Sweep,
    cache: Cache,
    *,
    n_workers: int | None = None,
    device: str = "auto",
    progress: Progress = _silent,
) -> Manifest:
    """Run what of a sweep is not done yet; return its manifest.

    The same sweep again resumes; more seeds or variants extend it. A run that fails is recorded
    with its error and the rest goes on.

    Raises
    ------
    UserError
        The dataset, the model or a variant cannot be used, a training option differs from that of
        the sweep in the cache, or another process is writing to it.
    RunError
        A worker process died.
    """
    variants = asked_variants(sweep)
    dataset = open_dataset(sweep.dataset).limited(sweep.train_limit, sweep.test_limit)
    folder = cache.sweep(sweep.name)
    was_there = folder.exists
    if was_there:
        _check_options(folder.manifest(), sweep)
    n_workers = n_workers or workers.usable_cores()
    with workers.pool(n_workers) as pool:
        resolving = workers.resolve(
            pool, sweep, len(dataset.class_names), dataset.channels, dataset.native_size, device
        )
        fingerprint = dataset.fingerprint()
        if was_there:
            _check_fingerprint(folder.manifest(), fingerprint)
        spec, device = resolving.result()
        with folder.locked():
            folder.sweep_leftovers()
            inputs = folder.derived / "inputs"
            prepared = prepare(dataset, spec.image_size, inputs, progress=progress)
            manifest = (
                _extended(folder.manifest(), sweep, variants)
                if was_there
                else _new_manifest(sweep, variants, dataset.class_names, fingerprint)
            )
            _describe(manifest, prepared, spec, device, n_workers)
            manifest.files["images.parquet"] = folder.write_images(prepared.images)
            _reconcile(folder, manifest)
            folder.write_manifest(manifest)
            context = Context(sweep, folder.path, spec, prepared.inputs, device)
            _Engine(pool, folder, manifest, context, progress).run(variants)
            shutil.rmtree(inputs, ignore_errors=True)
    return manifest


def planned(manifest: Manifest | None, sweep: Sweep) -> list[Run]:
    """Runs that are asked and not done, variant by variant."""
    done = {} if manifest is None else {v: manifest.done_seeds(v) for v in manifest.runs}
    return [
        (variant, seed)
        for variant in asked_variants(sweep)
        for seed in range(sweep.seeds)
        if seed not in done.get(variant.variant_id, [])
    ]


# --- the manifest ---------------------------------------------------------------------------
def _check_options(manifest: Manifest, sweep: Sweep) -> None:
    now = _flat(sweep.options())
    # An option newer than the sweep was at its default when the sweep was made.
    plain = Sweep(sweep.name, sweep.dataset, sweep.model, sweep.variants, sweep.seeds)
    before = _flat(plain.options()) | _flat(manifest.config.get("options", {}))
    for key in sorted(now.keys() - {"dataset"}):
        if before[key] != now[key]:
            raise UserError(
                f"sweep '{sweep.name}' was made with {key} = {before[key]}, now {now[key]} is "
                "asked; repeat its options, or give another --name"
            )


def _flat(options: dict[str, Any]) -> dict[str, Any]:
    training = options.get("training", {})
    return {k: v for k, v in options.items() if k != "training"} | training


def _check_fingerprint(manifest: Manifest, fingerprint: str) -> None:
    if manifest.dataset_fingerprint != fingerprint:
        raise UserError(
            f"the data of sweep '{manifest.name}' have changed since it was made (their "
            "fingerprint differs); give another --name"
        )


def _new_manifest(
    sweep: Sweep, variants: tuple[Variant, ...], class_names: tuple[str, ...], fingerprint: str
) -> Manifest:
    manifest = Manifest(
        name=sweep.name,
        config={},
        dataset={"spec": sweep.dataset},
        dataset_fingerprint=fingerprint,
        class_names=list(class_names),
        variants=[],
        seeds=[],
    )
    return _extended(manifest, sweep, variants)


def _extended(manifest: Manifest, sweep: Sweep, variants: tuple[Variant, ...]) -> Manifest:
    known = {record.variant_id for record in manifest.variants}
    for variant in variants:
        if variant.variant_id not in known:
            manifest.variants.append(_variant_record(variant, sweep))
    manifest.seeds = sorted({*manifest.seeds, *range(sweep.seeds)})
    manifest.config = {
        "variants": [record.variant_id for record in manifest.variants],
        "seeds": len(manifest.seeds),
        "options": sweep.options(),
    }
    manifest.pairing = (
        "runs of equal seed share the dense run's first phase; quantized runs are made from their "
        "dense run"
        if sweep.training.paired
        else "pruned runs are independent of the dense ones; quantized runs are made from their "
        "dense run"
    )
    return manifest


def _variant_record(variant: Variant, sweep: Sweep) -> VariantRecord:
    base = trained_part(variant)
    return VariantRecord(
        variant_id=variant.variant_id,
        method=variant.method,
        target_sparsity=base.steps[0].level if base.steps else (0.0 if variant.is_dense else None),
        paired=not variant.is_dense and (base.is_dense or sweep.training.paired),
    )


def _describe(
    manifest: Manifest, prepared: Prepared, spec: ModelSpec, device: str, n_workers: int
) -> None:
    manifest.dataset |= {
        "n_train": prepared.inputs.n_train,
        "n_test": prepared.inputs.n_test,
        "train_counts": prepared.train_counts,
        "mean": list(prepared.inputs.mean),
        "std": list(prepared.inputs.std),
    }
    manifest.left_out = prepared.left_out
    manifest.model = {
        "name": spec.name,
        "image_size": list(spec.image_size),
        "parameters": spec.parameters,
        "prunable": spec.prunable,
    }
    manifest.device = {
        "device": device,
        "machine": platform.machine(),
        "workers": n_workers,
        "threads_per_run": 1,
        "latency_batch_size": 1,
    }
    manifest.versions = {name: version(name) for name in _LIBRARIES}
    manifest.versions["python"] = platform.python_version()
    manifest.git_commit = _git_commit()


def _git_commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _reconcile(folder: SweepFolder, manifest: Manifest) -> None:
    """Make the manifest agree with the files: adopt finished runs, drop those without a file."""
    for variant_id, seed, run in manifest.all_runs():
        relative = folder.relative(folder.prediction_path(variant_id, seed))
        weights = folder.weights_path(variant_id, seed)
        record = manifest.files.get(relative)
        if record is not None and folder.is_intact(relative, record):
            continue
        manifest.files.pop(relative, None)
        adopted = folder.adopt(variant_id, seed)
        if adopted is None:
            run.state, run.error = "planned", None
            continue
        manifest.files[relative], measured = adopted
        for key, value in measured.items():
            setattr(run, key, value)
        run.state = "done"
        if weights.is_file():
            manifest.files[folder.relative(weights)] = folder.record(weights)
    for relative in [r for r, f in manifest.files.items() if not folder.is_intact(r, f)]:
        del manifest.files[relative]


# --- running --------------------------------------------------------------------------------
class _Engine:
    """Sends runs to the pool as soon as what they start from is there, and records outcomes."""

    def __init__(
        self,
        pool: ProcessPoolExecutor,
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
        """Make every run of these variants that is not done."""
        self._tell()
        waiting = self._with_missing_bases(
            [
                (variant, seed)
                for variant in variants
                for seed in range(self.context.sweep.seeds)
                if self.manifest.run(variant.variant_id, seed).state != "done"
            ]
        )
        unfinished: set[Run | None] = set(waiting)
        running: dict[Future[Any], Run | None] = {}
        if any(quantization(variant) for variant, _ in waiting):
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

    def _tell(self) -> None:
        self.progress("runs", self.manifest.n_done, self.manifest.n_runs)

    def _needs(self, variant: Variant, seed: int) -> set[Run | None]:
        """What must be finished first: the run it starts from, and (None) the shared graph."""
        if quantization(variant) is not None:
            return {(trained_part(variant), seed), None}
        if self.context.sweep.training.paired and not variant.is_dense:
            return {(DENSE, seed)}
        return set()

    def _with_missing_bases(self, todo: list[Run]) -> list[Run]:
        """Put those runs first that are done, but whose weights are gone and needed now."""
        bases = {base for run in todo for base in self._needs(*run) if base is not None}
        gone = [
            (variant, seed)
            for variant, seed in bases.difference(todo)
            if not self.folder.weights_path(variant.variant_id, seed).is_file()
        ]
        return sorted(gone, key=lambda run: (run[0].variant_id, run[1])) + todo

    def _record(self, run: Run | None, future: "Future[Outcome | None]") -> None:
        try:
            outcome = future.result()
        except BrokenProcessPool as error:
            raise RunError(
                "a worker process died (out of memory, or killed); the same command resumes"
            ) from error
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


def demo_sweep() -> Sweep:
    """Describe the sweep named ``demo``."""
    return Sweep(
        name="demo",
        dataset="digits-longtail",
        model="tiny_cnn",
        variants=parse_variants(["magnitude=0.3,0.5,0.7,0.9,0.95", "int8-static", "int8-dynamic"]),
        seeds=10,
        training=Training(epochs=50),
    )
