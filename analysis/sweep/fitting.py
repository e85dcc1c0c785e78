"""Fit external models to the data: open them, choose preprocessing and output, try some images.

Used by sweeps of external models and by ``doctor``. The main process decides; workers open and run
the models.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from analysis.config import DENSE_ID
from analysis.datasets.base import Dataset
from analysis.datasets.preprocess import Progress, channel_statistics, write_split
from analysis.errors import RunError, UserError
from analysis.execution import Pool
from analysis.external.doctor import Candidate, Diagnosis, Doctor
from analysis.external.feeding import Decided, Numbers, decide, differences
from analysis.external.fit import (
    Fit,
    Trial,
    all_scores_of,
    choose_output,
    read_output_names,
    scores_of,
    space_of,
)
from analysis.external.model import Array, Needed
from analysis.external.options import ExternalModelsConfig
from analysis.external.sample import Sample, write_sample
from analysis.external.signature import Signature, inputs_of
from analysis.filesystem.copies import working_folder
from analysis.models.geometry import Geometry
from analysis.outputs.label_space import LabelSpace, plain
from analysis.outputs.run_scores import predictions, run_scores
from analysis.outputs.scores import as_table
from analysis.sweep import tasks
from analysis.sweep.source import Key

T = TypeVar("T")
_STATISTICS_SAMPLE = 10_000


def answer_of(future: "Future[T]", label: str) -> T:
    """Wait for a worker's result on a model; name the model if it failed.

    Raises
    ------
    RunError
        The model ended its worker or timed out.
    """
    try:
        return future.result()
    except RunError as error:
        raise RunError(f"{label}: {error}") from error


class Fitting:
    """The external models of one sweep and the ``sample`` of images they are tried on.

    Parameters
    ----------
    config : ExternalModelsConfig
    dataset : Dataset
        Its test split holds the images to evaluate.
    folder : Path
        Temporary folder for decoded images.
    n_sample : int
        Images to try the models on.
    say, warn : callable
        Take a line of text.
    """

    def __init__(
        self, config: ExternalModelsConfig, dataset: Dataset, folder: Path, n_sample: int, *,
        say: Callable[[str], None], warn: Callable[[str], None], progress: Progress,
    ) -> None:  # fmt: skip
        self._config, self._dataset = config, dataset
        self._say, self._warn, self._progress = say, warn, progress
        self._output_names = read_output_names(config.outputs)
        needed = Needed(
            len(dataset.class_names), dataset.channels, dataset.native_size,
            config.feeding.input_size, device=config.device, time_limit=config.time_limit,
        )  # fmt: skip
        self.needed: dict[Key, Needed] = {
            model.key: replace(needed, session_options=config.options_of_session(model.variant_id))
            for model in config.models
        }
        self.sample: Sample = write_sample(dataset.test, folder, n_sample)
        self.space: LabelSpace
        self.notes: list[str] = []
        self._statistics: dict[str, tuple[Numbers, Numbers]] = {}
        self._looking: list[Future[Signature]] = []
        self._trials: dict[Key, Trial] = {}
        self._first: Fit | None = None

    def start(self, pool: Pool) -> None:
        """Submit every model to a worker to be opened."""
        self._looking = [
            tasks.submit(pool, "look_at", model, self.needed[model.key])
            for model in self._config.models
        ]

    def fits(self, pool: Pool) -> list[Fit]:
        """Wait for the signature of each model, try it, and report its input and output.

        Raises
        ------
        UserError
            A model cannot be used; the message names it.
        """
        signatures: list[Signature] = []
        for future in self._looking:
            self._progress("opening models", len(signatures), len(self._looking))
            model = self._config.models[len(signatures)]
            signatures.append(answer_of(future, model.label))
        self._progress("opening models", len(signatures), len(self._looking))
        dense = [one for one in signatures if one.model.variant_id == DENSE_ID]
        others = [one for one in signatures if one.model.variant_id != DENSE_ID]
        found: dict[Key, Fit] = {}
        for group in (dense, others):
            forms = [self._forms(one, _dense_of(one, found)) for one in group]
            trying = [
                tasks.submit(pool, "try_model", one, self.needed[one.model.key], some, self.sample)
                for one, some in zip(group, forms, strict=True)
            ]
            for signature, tried in zip(group, trying, strict=True):
                trial: Trial = answer_of(tried, signature.model.label)
                self._trials[signature.model.key] = trial
                fit = self._fit(signature, trial)
                self._first = self._first or fit
                found[signature.model.key] = fit
        for fit in found.values():
            self._say(fit.sentence)
            for note in (*fit.signature.notes, *fit.notes):
                self._say(f"{fit.signature.model.label}: {note}")
            self._compare(fit, _dense_of(fit.signature, found))
        return [found[model.key] for model in self._config.models]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the sweep's classes."""
        if self._config.outputs.only_labelled:
            return tuple(self._dataset.class_names)
        return self.space.names

    def label(self, class_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Convert class ids of the dataset to class ids of the sweep."""
        if self._config.outputs.only_labelled:
            return class_ids
        return np.asarray(self.space.of_class, np.int64)[class_ids]

    def diagnose(self, pool: Pool, fit: Fit, n: int) -> Diagnosis:
        """Try likely preprocessing mistakes of a dense model on some of the sample's images."""
        label = self.label(self.sample.label)
        done = 0

        def right(candidates: Sequence[Candidate], n: int) -> list[npt.NDArray[np.bool_]]:
            nonlocal done
            jobs = [
                tasks.submit(
                    pool, "right_on", fit, self.needed[fit.key], one, self.sample, n, label
                )
                for one in candidates
            ]
            found = []
            for job in jobs:
                found.append(answer_of(job, fit.signature.model.label))
                done += 1
                self._progress("trying other feedings", done, max(done, 30))
            return found

        native = self._dataset.native_size
        doctor = Doctor(
            fit.signature.model.label, fit.signature, fit.form, fit.decided, right,
            min(n, self.sample.n), of_dataset=self._of_sample(fit.geometry),
            are_resized=native is None or native != fit.form.size or bool(fit.feeding.crop_pct),
            outputs=self._other_outputs(fit),
            by_chance=_by_chance(label[: min(n, self.sample.n)]),
        )  # fmt: skip
        found = doctor.diagnose()
        self._progress("trying other feedings", max(done, 30), max(done, 30))
        return found

    def predictions(self, fit: Fit) -> npt.NDArray[np.int64]:
        """Return the model's predictions on the sample with its preprocessing, (n,)."""
        return predictions(scores_of(fit, self._trials[fit.key].outputs[fit.output], self.sample.n))

    def _other_outputs(self, fit: Fit) -> list[str]:
        """Return the other outputs with the width of the chosen one."""
        outputs = self._trials[fit.key].outputs
        tables = {name: as_table(one, self.sample.n) for name, one in outputs.items()}
        return [
            name
            for name, table in tables.items()
            if name != fit.output
            and table is not None
            and (1 if table.ndim == 1 else table.shape[1]) == fit.width
        ]

    def _forms(self, signature: Signature, dense: Fit | None) -> list[tuple[object, Decided]]:
        size = None if dense is None else dense.form.size
        feeding = self._config.feeding
        try:
            forms = inputs_of(
                signature, self.needed[signature.model.key], layout=feeding.layout, size=size
            )
        except ValueError as error:
            raise UserError(f"{signature.model.label}: {error}") from None
        decided = None if dense is None else dense.decided
        return [(one, decide(signature, one, feeding, self._of_training, decided)) for one in forms]

    def _of_training(self, geometry: Geometry) -> tuple[Numbers, Numbers]:
        """Return mean and standard deviation of the training pixels (without any: of all)."""
        if geometry.key not in self._statistics:
            dataset = self._dataset
            split = dataset.train if len(dataset.train) else dataset.test
            step = max(1, len(split) // _STATISTICS_SAMPLE)
            some = split.take(np.arange(0, len(split), step))
            with working_folder() as here:
                write_split(some, "train", geometry, here, [], None, lambda *_: None)
                self._statistics[geometry.key] = channel_statistics(here / "train.npy")
        return self._statistics[geometry.key]

    def _of_sample(self, geometry: Geometry) -> tuple[Numbers, Numbers]:
        """Return mean and standard deviation of training pixels if known, else of the sample.

        Those of training decode thousands of images, which a model with its own statistics avoids.
        """
        if geometry.key in self._statistics:
            return self._statistics[geometry.key]
        pixels = self.sample.pixels(geometry) / 255
        mean, std = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
        return tuple(mean.tolist()), tuple(np.maximum(std, 1e-3).tolist())

    def _fit(self, signature: Signature, trial: Trial) -> Fit:
        """Choose the output with the scores and map its columns to the sweep's classes."""
        outputs, label, n = self._config.outputs, signature.model.label, self.sample.n
        names, own = self._dataset.class_names, signature.class_names
        offset = outputs.label_offset
        expected = {len(self._output_names) or len(own) or len(names), len(names) + offset}
        if self._output_names:
            expected = {len(self._output_names), len(self._output_names) + offset}
        if len(names) == 2:
            expected.add(1)
        preferred = None if self._first is None else self._first.output
        output = choose_output(
            label, trial.outputs, n, outputs, expected, self._accuracies(trial, own), preferred
        )
        table = as_table(trial.outputs[output], n)
        assert table is not None  # choose_output takes no other
        notes: list[str] = []
        if table.ndim == 1 or outputs.scores == "labels":
            return self._fit_of_labels(signature, trial, output, table, notes)
        width = table.shape[1]
        space = space_of(label, names, width, outputs, self._output_names, own)
        if self._first is None:
            self.space = space
        columns = self._columns(label, space, own)
        fit = Fit(
            signature, trial.form, trial.decided, output, len(trial.outputs), width, columns,
            len(self.class_names), outputs.scores, "logits", tuple(notes),
        )  # fmt: skip
        scores = all_scores_of(fit, trial.outputs[output], n)
        if not np.isfinite(scores).any():
            notes.append(
                "no output is finite on the sample images; try another --pixels or --normalize"
            )
        run = run_scores(scores, outputs.scores, name=f"{label}: its scores")
        kind = run.kind
        if run.grid is not None:
            notes.append(run.grid.words(kind))
        batch = trial.form.batch
        if signature.is_batch_dependent:
            filled = "" if batch in (None, 1) else f", its batch of {batch} filled with copies"
            notes.append(
                "its scales are computed per batch at run time, so that a prediction depends "
                f"on the images beside it: it is run one image at a time{filled}"
            )
        return replace(fit, kind=kind, notes=tuple(notes))

    def _fit_of_labels(
        self, signature: Signature, trial: Trial, output: str, table: Array, notes: list[str]
    ) -> Fit:
        outputs, names = self._config.outputs, self._dataset.class_names
        if table.ndim == 2:
            raise UserError(
                f"{signature.model.label}: --scores labels: output '{output}' holds "
                f"{table.shape[1]} scores an image; expected whole numbers [N]"
            )
        n = max(
            len(self._output_names), len(signature.class_names), len(names) + outputs.label_offset
        )
        if self._first is None:
            self.space = space_of(
                signature.model.label, names, n, outputs, self._output_names, signature.class_names
            )
        n_classes = len(self.class_names)
        outside = table[(table < 0) | (table >= n_classes)]
        if len(outside):
            raise UserError(
                f"{signature.model.label}: output '{output}' returns the label {outside[0]}, but "
                f"there are {n_classes} classes, from 0 to {n_classes - 1}; --classes FILE names "
                "all of them, --label-offset 1 where the first is a background class"
            )
        return Fit(
            signature, trial.form, trial.decided, output, len(trial.outputs), 1, None, n_classes,
            "labels", "labels", tuple(notes),
        )  # fmt: skip

    def _columns(self, label: str, space: LabelSpace, own: Sequence[str]) -> tuple[int, ...] | None:
        """Return the score columns that are the sweep's classes, in order; None if all are."""
        if self._config.outputs.only_labelled:
            return space.of_class
        n = len(self.space.names)
        if len(space.names) != n:
            raise UserError(
                f"{label} has {len(space.names)} outputs, and dense has {n}: the models of one "
                "sweep have the same classes; name another --dataset or model"
            )
        if space.of_class == self.space.of_class:
            return None
        if len(space.of_class) == n:  # every output is a class of the images
            column = dict(zip(self.space.of_class, space.of_class, strict=True))
            return tuple(column[i] for i in range(n))
        index = {plain(name): column for column, name in enumerate(space.names)}
        columns = [index.get(plain(name)) for name in self.space.names]
        if None in columns:
            raise UserError(
                f"{label} names its outputs differently from dense, such as "
                f"{own[0]!r:.40}; --classes FILE names the outputs of all models"
            )
        return tuple(column for column in columns if column is not None)

    def _accuracies(self, trial: Trial, own: Sequence[str]) -> dict[str, float]:
        """Return the accuracy of each output whose width fits the classes."""
        found = {}
        names, outputs = self._dataset.class_names, self._config.outputs
        for name, output in trial.outputs.items():
            table = as_table(output, self.sample.n)
            if table is None or table.ndim != 2:
                continue
            try:
                space = space_of("", names, table.shape[1], outputs, self._output_names, own)
            except UserError:
                continue
            best = np.where(np.isfinite(table), table, -np.inf).argmax(axis=1)
            true = np.asarray(space.of_class)[self.sample.label]
            found[name] = float((best == true).mean())
        return found

    def _compare(self, fit: Fit, dense: Fit | None) -> None:
        """Warn where a model's preprocessing differs from that of the dense model."""
        if dense is None:
            return
        signature = fit.signature
        found = differences(fit.decided, dense.decided, takes_integers=signature.takes_integers)
        if found:
            note = f"{signature.model.label} has other preprocessing than dense: {'; '.join(found)}"
            self.notes.append(note)
            self._warn(f"warning: {note}")


def _by_chance(label: npt.NDArray[np.int64]) -> float:
    """Return the size of the largest class plus three standard errors."""
    n = len(label)
    share = float(np.bincount(label).max()) / n
    return n * share + 3 * float(np.sqrt(n * share * (1 - share)))


def _dense_of(signature: Signature, fits: dict[Key, Fit]) -> Fit | None:
    """Return the dense model of the same seed, else the first one."""
    if signature.model.variant_id == DENSE_ID:
        return None
    dense = {key[1]: fit for key, fit in fits.items() if key[0] == DENSE_ID}
    return dense.get(signature.model.seed) or next(iter(dense.values()), None)
