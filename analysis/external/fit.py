"""A model that was tried: which output has its scores, of which classes, and how it is fed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.errors import UserError
from analysis.external.feeding import Decided, geometry_of, values_of
from analysis.external.model import Array, Feeding
from analysis.external.options import OutputOptions
from analysis.external.signature import Input, Signature
from analysis.models.geometry import Geometry
from analysis.outputs.label_space import LabelSpace, label_space, plain, read_class_names
from analysis.outputs.scores import Kind, as_table, two_classes
from analysis.schema import NO_ANSWER

_PREFERRED = ("logits", "output", "probabilities", "prob")
_SHOWN = 6


@dataclass(frozen=True)
class Trial:
    """What a model gave on some images: its outputs by name, (n, …), and the way that ran."""

    way: Input
    decided: Decided
    outputs: Mapping[str, Array]


@dataclass(frozen=True)
class Fit:
    """A model ready to be evaluated.

    Parameters
    ----------
    signature, way, decided
        The model, its input, how it is fed.
    output : str
        Name of the output with the scores, of ``n_outputs``.
    width : int
        Scores an image, 1 for labels alone and for one sigmoid.
    columns : tuple of int or None
        Which of its scores are the classes of the sweep, in their order; None: all, as they are.
    n_classes : int
        Classes of the sweep.
    scores : str
        What the scores are said to be, or ``auto``.
    kind : str
        What they are on the images it was tried on.
    notes : tuple of str
    """

    signature: Signature
    way: Input
    decided: Decided
    output: str
    n_outputs: int
    width: int
    columns: tuple[int, ...] | None
    n_classes: int
    scores: str
    kind: Kind
    notes: tuple[str, ...] = ()

    @property
    def feeding(self) -> Feeding:
        """How it is fed."""
        return self.decided.feeding

    @property
    def geometry(self) -> Geometry:
        """The pixels it takes."""
        return self.decided.geometry(self.way)

    @property
    def pixels(self) -> str:
        """Name of the decoded images it takes."""
        return f"test-{self.geometry.key}"

    @property
    def key(self) -> tuple[str, int]:
        """Variant and seed of its run."""
        return self.signature.model.key

    @property
    def sentence(self) -> str:
        """What is said of it, in one line."""
        sources = self.decided.sources
        by = f" ({sources['pixels']})"
        geometry = {sources[name] for name in ("resize", "crop_pct", "interpolation", "channels")}
        where = ", ".join(sorted(geometry))
        which = f" (output '{self.output}' of {self.n_outputs})" if self.n_outputs > 1 else ""
        what = f"{self.width} {self.kind}" if self.kind != "labels" else "labels alone"
        if self.width == 1 and self.kind != "labels":
            what = "the score of the second class"
        n = "N" if self.way.batch is None else self.way.batch
        return (
            f"{self.signature.model.label}: {self.signature.dtype} {self.way.shape(n)}, "
            f"{geometry_of(self.decided)} ({where}), {values_of(self.decided)}{by}, outputs "
            f"{what}{which}"
        )


def names_given(outputs: OutputOptions) -> tuple[str, ...]:
    """Names of the outputs in the file that is asked for; empty without one."""
    return () if outputs.classes is None else read_class_names(Path(outputs.classes))


def choose_output(
    label: str,
    outputs: Mapping[str, Array],
    n_images: int,
    asked: OutputOptions,
    expected: set[int],
    accuracy: "dict[str, float] | None" = None,
    preferred: str | None = None,
) -> str:
    """Choose the output with the scores.

    Parameters
    ----------
    label : str
        What messages call the model.
    outputs : mapping of str to array
        On some images.
    n_images : int
    asked : OutputOptions
    expected : set of int
        How many scores an image would fit the classes.
    accuracy : dict of str to float, optional
        On the images it was tried on, which decides between outputs of other names.
    preferred : str, optional
        Name of the output that is used of the dense model.

    Raises
    ------
    UserError
        There is no such output, or none that has scores of classes.
    """
    tables = {name: as_table(one, n_images) for name, one in outputs.items()}
    if asked.output is not None:
        if tables.get(asked.output) is None:
            raise UserError(
                f"{label}: --output {asked.output}: it has no such output with scores an image; "
                f"it gives {shapes(outputs)}"
            )
        return asked.output
    usable = [name for name, one in tables.items() if one is not None and one.ndim == 2]
    fitting = [name for name in usable if _width(tables[name]) in expected]
    # Whole numbers may be indices: they are scores only where no floating-point output fits.
    fitting = [name for name in fitting if outputs[name].dtype.kind == "f"] or fitting
    if not fitting and not usable:
        fitting = [name for name, one in tables.items() if one is not None]
    names = fitting or usable
    if not names:
        raise UserError(
            f"{label}: it gives {shapes(outputs)}; expected an output of scores [N, classes]; "
            "--output NAME says which one it is"
        )
    if preferred in names:
        return preferred
    if preferred is not None and len(names) > 1:
        raise UserError(
            f"{label}: it has no output '{preferred}', which is that of dense; it gives "
            f"{shapes(outputs)}: --output NAME says which one is used of every model"
        )
    by_name = {plain(name): name for name in reversed(names)}
    known = next((by_name[name] for name in _PREFERRED if name in by_name), None)
    if known is not None:
        return known
    return max(names, key=lambda name: (accuracy or {}).get(name, 0.0))


def _width(table: Array | None) -> int:
    return 0 if table is None else table.shape[1]


def shapes(outputs: Mapping[str, Array]) -> str:
    """Name outputs and their shapes."""
    shown = [
        f"'{name:.40}' {one.dtype} [{', '.join(['N', *map(str, one.shape[1:])])}]"
        for name, one in list(outputs.items())[:_SHOWN]
    ]
    more = f" and {len(outputs) - _SHOWN} more" if len(outputs) > _SHOWN else ""
    return (", ".join(shown) or "no output") + more


def space_of(
    label: str,
    class_names: Sequence[str],
    width: int,
    asked: OutputOptions,
    given: Sequence[str],
    own: Sequence[str],
) -> LabelSpace:
    """Find which class each score is of, by the names given, else by the model's own.

    Raises
    ------
    UserError
        A class of the images has no score.
    """
    n = len(class_names)
    if width == 1 and n == 2 and not given:
        return label_space(class_names, 2, subject=label)
    if width == 1 and n != 2:
        raise UserError(
            f"{label}: it gives one score an image, that of the second of two classes, and the "
            f"images have {n} classes; --output NAME says another output"
        )
    source = f"--classes {asked.classes}" if given else "the model itself"
    names = given or (own if len(own) in (width, width - asked.label_offset) else ())
    if not given and width == n and _are_places(names):
        names = ()
    return label_space(
        class_names, width, names=names, source=source, offset=asked.label_offset, subject=label
    )


def _are_places(names: Sequence[str]) -> bool:
    """Whether names of outputs say nothing but their place, such as LABEL_0."""
    generic = {plain(f"{word}{i}") for i in range(len(names)) for word in ("label", "class", "")}
    return all(plain(name) in generic for name in names)


def scores_of(fit: Fit, output: Array, n_images: int) -> Array:
    """Scores of the sweep's classes, (n, C), or labels (n,), from one output.

    Raises
    ------
    ValueError
        It has another shape than on the images it was tried on, or a label is no class.
    """
    table = all_scores_of(fit, output, n_images)
    if fit.width == 1 and table.ndim == 2:
        table = two_classes(table, fit.scores)
    return table if fit.columns is None or table.ndim == 1 else table[:, list(fit.columns)]


def all_scores_of(fit: Fit, output: Array, n_images: int) -> Array:
    """Scores of all outputs, (n, W), as :func:`run_scores` decides on them; or labels (n,).

    Raises
    ------
    ValueError
        It has another shape than on the images it was tried on.
    """
    table = as_table(output, n_images)
    if table is None or (table.ndim == 2 and table.shape[1] != fit.width):
        raise ValueError(f"output '{fit.output}' has another shape: {output.shape}")
    if table.ndim == 1:
        outside = table[(table < NO_ANSWER) | (table >= fit.n_classes)]
        if len(outside):
            raise ValueError(
                f"output '{fit.output}' gives the label {outside[0]}, and there are "
                f"{fit.n_classes} classes, from 0 to {fit.n_classes - 1}"
            )
        return table.astype(np.int64)
    return table
