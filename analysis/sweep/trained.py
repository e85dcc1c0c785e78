"""The model source of a sweep whose models are trained and compressed here."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from analysis.compression.registry import (
    needs_graph,
    quantization,
    target_sparsity_of,
    trained_part,
)
from analysis.config import DENSE, Shift, Sweep
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Arrays, Prepared, Progress, prepare
from analysis.errors import UserError
from analysis.execution import Pool
from analysis.filesystem import RemotePath
from analysis.filesystem.atomic import is_file, sha256
from analysis.filesystem.connection import check_seen_by_others
from analysis.filesystem.copies import share, working_folder
from analysis.models.spec import ModelSpec
from analysis.outputs.features import Features
from analysis.shifts.inputs import Natural, write_corrupted, write_natural
from analysis.store import SweepFolder
from analysis.store.manifest import (
    Manifest,
    ModelRecord,
    VariantRecord,
    left_out_records,
)
from analysis.store.records import TailRecord
from analysis.sweep import tasks
from analysis.sweep.plan import check_data, check_layers, requested_variants, selected
from analysis.sweep.record import (
    check_origin,
    check_same_options,
    describe_config,
    describe_machine,
    differing_options,
    git_commit,
)
from analysis.sweep.source import Key, Missing, SweepData, Workplace, remove_shared
from analysis.training.messages import Layer, LayerAnswer, RunContext, RunResult, ShiftResult

_INPUTS = "inputs"


class TrainedSource:
    """A sweep whose workers train, prune and quantize its runs."""

    def __init__(
        self, sweep: Sweep, n_workers: int | None, device: str, engine: str, scheduler: str | None
    ) -> None:
        self.name, self.dataset, self.shifts = sweep.name, sweep.dataset, sweep.shifts
        self.max_value: float | None = None
        check_data(sweep)
        self._sweep = sweep
        self._variants = {one.variant_id: one for one in requested_variants(sweep)}
        self._n_workers, self._device = n_workers, device
        self._engine, self._scheduler = engine, scheduler
        self._resolving: Future[tuple[ModelSpec, str]]
        self._spec: ModelSpec
        self._prepared: Prepared
        self._context: RunContext

    def check(self, before: Manifest | None) -> None:
        """Check that a sweep in the cache was made with these options."""
        if before is not None:
            check_origin(before, "trained", self.name)
            check_same_options(before, differing_options(before, self._sweep.options()))

    def select(self, dataset: Dataset) -> Dataset:
        """Limit the images of each split and rotate the long tail, as the sweep requests."""
        return selected(self._sweep, dataset)

    @contextmanager
    def pool(self, root: Any) -> Iterator[Pool]:
        """Open workers here or on a cluster, at most one a run."""
        if isinstance(root, RemotePath):
            check_seen_by_others(root.url, str(root))
        with tasks.pool(
            self._n_workers,
            engine=self._engine,
            scheduler=self._scheduler,
            device=self._device,
            shared=root,
            n_jobs=len(self._variants) * self._sweep.seeds,
        ) as pool:
            yield pool

    def start(self, pool: Pool, dataset: Dataset) -> None:
        """Resolve the model and the device in a worker: this process never loads torch."""
        self._resolving = tasks.submit(
            pool, "resolve_model", self._sweep, len(dataset.class_names), dataset.channels,
            dataset.native_size, self._device,
        )  # fmt: skip

    def resolve(self, pool: Pool, dataset: Dataset, before: Manifest | None) -> None:
        """Wait for the model and the device."""
        spec, self._device = self._resolving.result()
        if before is not None and before.model.weights and before.model.geometry is None:
            # Older than the pretrained models' own crop: all runs must be alike.
            spec = replace(spec, resize="crop", crop_pct=None, interpolation="bicubic")
        self._spec = spec

    @contextmanager
    def inputs(
        self, folder: SweepFolder, data: SweepData, progress: Progress
    ) -> Iterator[pa.Table]:
        """Decode train and test images."""
        self._prepared = prepared = self._decoded(folder, data.dataset, progress)
        self._context = RunContext(
            self._sweep, folder.path.absolute(), self._spec, prepared.inputs, self._device
        )
        yield prepared.images
        if prepared.inputs.shared is not None:
            prepared.inputs.shared.remove_here()
        remove_shared(folder, _INPUTS, "shifted", "phases")

    def _decoded(self, folder: SweepFolder, dataset: Dataset, progress: Progress) -> Prepared:
        place = folder.derived.absolute() / _INPUTS
        if isinstance(place, Path):
            return prepare(dataset, self._spec.geometry, place, progress=progress)
        with working_folder() as here:
            prepared = prepare(dataset, self._spec.geometry, here, progress=progress)
            shared = share(here, place)
        return replace(prepared, inputs=replace(prepared.inputs, shared=shared))

    def examine(self, pool: Pool, before: Manifest | None) -> None:
        """Do nothing: trained models have the preprocessing of their training."""

    def describe(self, manifest: Manifest, n_workers: int) -> None:
        """Record variants, options, data and model in the manifest.

        Raises
        ------
        UserError
            The checkpoint has changed since the sweep was made.
        """
        sweep, spec, prepared = self._sweep, self._spec, self._prepared
        if manifest.model.name and manifest.model.weights_sha256 != spec.weights_sha256:
            raise UserError(
                f"--checkpoint {spec.checkpoint} has changed since sweep '{manifest.name}' was "
                "made with it; give another --name"
            )
        describe_sweep(manifest, sweep)
        data, inputs = manifest.dataset, prepared.inputs
        data.n_train, data.n_test = inputs.n_train, inputs.n_test
        if inputs.tail is None:
            data.train_counts = prepared.train_counts
        else:
            data.n_train = sum(inputs.tail)
            data.tail = TailRecord([*inputs.tail], prepared.train_counts)
        data.mean, data.std = list(spec.mean or inputs.mean), list(spec.std or inputs.std)
        data.n_duplicates_across_splits = prepared.n_duplicates_across_splits
        data.notes = prepared.notes
        manifest.left_out = left_out_records(prepared.left_out)
        has_weights = spec.pretrained or spec.checkpoint is not None
        manifest.model = ModelRecord(
            spec.name,
            list(spec.image_size),
            spec.parameters,
            spec.prunable,
            (spec.checkpoint or "pretrained") if has_weights else None,
            spec.weights_sha256 if has_weights else None,
            spec.weights_note if has_weights else None,
            spec.geometry.key,
        )
        describe_machine(manifest, self._device, n_workers, engine=self._engine)
        manifest.git_commit = git_commit()

    def requested(self, manifest: Manifest) -> Sequence[Key]:
        """List every variant with every seed."""
        return [(name, seed) for name in self._variants for seed in range(self._sweep.seeds)]

    def todo(self, workplace: Workplace, missing: Missing) -> Sequence[Key]:
        """List unfinished runs, after those whose lost weights are needed."""
        manifest, folder = workplace.manifest, workplace.folder
        todo = [run for run in self.requested(manifest) if manifest.run(*run).state != "done"]
        lost: list[Key] = []

        def note_lost(bases: set[Key]) -> None:
            lost.extend(
                base
                for base in sorted(bases)
                if base not in todo and base not in lost and not is_file(folder.weights_path(*base))
            )

        for run in missing:
            variant, seed = self._variants[run[0]], run[1]
            note_lost({(trained_part(variant).variant_id, seed)} | self._dense_of(run))
        for run in chain(todo, lost):  # a lost run can start from another lost run
            note_lost(self._bases(run))
        return sorted(lost) + todo

    def needs(self, run: Key) -> set[Key | None]:
        """Return the runs that this one starts from, and None for the shared graph."""
        shared: set[Key | None] = {None} if needs_graph(self._variants[run[0]]) else set()
        return shared | self._bases(run)

    def _bases(self, run: Key) -> set[Key]:
        variant, seed = self._variants[run[0]], run[1]
        bases = self._dense_of(run)
        if quantization(variant) is not None:
            bases.add((trained_part(variant).variant_id, seed))
        return bases

    def _dense_of(self, run: Key) -> set[Key]:
        """Return the dense run that a pruned one is paired with."""
        is_tied = self._sweep.training.pairs_runs and not self._variants[run[0]].is_dense
        return {(DENSE.variant_id, run[1])} if is_tied else set()

    def shared_step(self, pool: Pool, runs: Sequence[Key]) -> "Future[None] | None":
        """Export the graph that all quantized runs share."""
        if any(needs_graph(self._variants[name]) for name, _ in runs):
            return tasks.submit(pool, "export_shared_graph", self._context)
        return None

    def submit(self, pool: Pool, run: Key) -> "Future[RunResult]":
        """Train or quantize a run."""
        return tasks.submit(pool, "compute_run", self._context, self._variants[run[0]], run[1])

    def finished(self, workplace: Workplace) -> None:
        """Add nothing."""

    def submit_features(self, pool: Pool, manifest: Manifest) -> "Future[Features] | None":
        """Compute the features of a dense model before its last layer."""
        seeds = manifest.done_seeds(DENSE.variant_id)
        if not seeds:
            return None
        return tasks.submit(pool, "features_of_trained", self._context, seeds[0])

    def shift_bytes(self, n_images: int) -> int:
        """Return the bytes of images at the model's size."""
        height, width = self._spec.image_size
        return n_images * self._spec.channels * height * width

    def write_corrupted(
        self, shifts: Sequence[Shift], runs: Sequence[Key], folder: Path, progress: Progress
    ) -> None:
        """Write the pixels of corruptions at the model's size."""
        n_processes, clean = tasks.n_processes(self._n_workers), self._context.inputs.arrays
        write_corrupted(shifts, clean, folder, n_processes=n_processes, progress=progress)

    def write_natural(
        self, name: str, natural: Natural, runs: Sequence[Key], folder: Path, progress: Progress
    ) -> tuple[pa.Table, list[dict[str, str]]]:
        """Write the pixels of a natural shift at the model's size."""
        return write_natural(name, natural, self._spec.geometry, folder, progress=progress)

    def shift_needs(self, run: Key) -> set[Key]:
        """Return no run: the weights of every run are stored."""
        return set()

    def submit_shift(
        self, pool: Pool, run: Key, arrays: Arrays, names: tuple[str, ...]
    ) -> "Future[ShiftResult]":
        """Predict a run on shifts from its stored weights."""
        variant = self._variants[run[0]]
        return tasks.submit(pool, "predict_shifted", self._context, variant, run[1], arrays, names)

    def layers(self, pool: Pool, run: Key) -> "Future[list[Layer]]":
        """List the layers of a run that can be restored to float, in a worker.

        Raises
        ------
        UserError
            The run is not made from the dense weights, layer by layer.
        """
        variant = self._variants[run[0]]
        check_layers(variant, self._sweep.training)
        if needs_graph(variant):
            tasks.submit(pool, "export_shared_graph", self._context).result()
        return tasks.submit(pool, "layers_of_run", self._context, variant, run[1])

    def with_float(self, pool: Pool, run: Key, names: tuple[str, ...]) -> "Future[LayerAnswer]":
        """Predict the test images with some layers of a run in float, in a worker."""
        variant = self._variants[run[0]]
        return tasks.submit(pool, "answer_with_float", self._context, variant, run[1], names)

    def to_quantize(self, pool: Pool, run: Key) -> "Future[tuple[bytes, Any]] | None":
        """Return the float graph of a run and its calibration images, in a worker; None without."""
        variant = self._variants[run[0]]
        if not needs_graph(variant):
            return None
        return tasks.submit(pool, "calibration_of", self._context, variant, run[1])


def describe_sweep(manifest: Manifest, sweep: Sweep) -> None:
    """Record the requested variants, seeds, options and pairing of a sweep in its manifest."""
    known = {record.variant_id for record in manifest.variants}
    for variant in requested_variants(sweep):
        if variant.variant_id not in known:
            pairs = trained_part(variant).is_dense or sweep.training.pairs_runs
            manifest.variants.append(
                VariantRecord(
                    variant.variant_id,
                    variant.method,
                    target_sparsity_of(variant),
                    paired=pairs and not variant.is_dense,
                )
            )
    manifest.seeds = sorted({*manifest.seeds, *range(sweep.seeds)})
    digests = {path: sha256(Path(path)) for path in sweep.method_files}
    describe_config(manifest, sweep.options(), digests)
    manifest.pairing = f"{_pairing(sweep)}; quantized runs are made from their dense run"


def _pairing(sweep: Sweep) -> str:
    training = sweep.training
    taught = " and distilled from it" if training.distill else ""
    if training.from_dense:
        return f"pruned runs are made from the dense run of their seed{taught}"
    if training.paired:
        return f"runs of equal seed share the dense run's first phase{taught}"
    if training.distill:
        return "pruned runs are distilled from the dense run of their seed"
    return "pruned runs are independent of the dense ones"
