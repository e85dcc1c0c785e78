"""The fit of a tried model: its scores output, the classes of its scores, and its feeding."""

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
    """The outputs of a model on some images by name, (n, …), and the input form that ran."""

    form: Input
    decided: Decided
    outputs: Mapping[str, Array]


@dataclass(frozen=True)
class Fit:
    """A model ready to evaluate.

    Parameters
    ----------
    signature, form, decided
        The model, its input form and its feeding.
    output : str
        Name of the scores output, one of ``n_outputs``.
    width : int
        Scores per image, 1 for labels and for one sigmoid.
    columns : tuple of int or None
        Columns of the scores that are the sweep's classes, in order; None for all.
    n_classes : int
        Classes of the sweep.
    scores : str
        The declared kind of the scores, or ``auto``.
    kind : str
        The kind found on the tried images.
    notes : tuple of str
    """

    signature: Signature
    form: Input
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
        """How images become its input."""
        return self.decided.feeding

    @property
    def geometry(self) -> Geometry:
        """The geometry of its input."""
        return self.decided.geometry(self.form)

    @property
    def pixels(self) -> str:
        """Name of its decoded test images."""
        return f"test-{self.geometry.key}"

    @property
    def key(self) -> tuple[str, int]:
        """Variant and seed of its run."""
        return self.signature.model.key

    @property
    def sentence(self) -> str:
        """Describe the fit in one line."""
        sources = self.decided.sources
        by = f" ({sources['pixels']})"
        geometry = {sources[name] for name in ("resize", "crop_pct", "interpolation", "channels")}
        where = ", ".join(sorted(geometry))
        which = f" (output '{self.output}' of {self.n_outputs})" if self.n_outputs > 1 else ""
        what = f"{self.width} {self.kind}" if self.kind != "labels" else "labels alone"
        if self.width == 1 and self.kind != "labels":
            what = "the score of the second class"
        n = "N" if self.form.batch is None else self.form.batch
        return (
            f"{self.signature.model.label}: {self.signature.dtype} {self.form.shape(n)}, "
            f"{geometry_of(self.decided)} ({where}), {values_of(self.decided)}{by}, outputs "
            f"{what}{which}"
        )


def read_output_names(outputs: OutputOptions) -> tuple[str, ...]:
    """Read the output names in the ``--classes`` file; return () without one."""
    return () if outputs.classes is None else read_class_names(Path(outputs.classes))


def choose_output(
    label: str,
    outputs: Mapping[str, Array],
    n_images: int,
    options: OutputOptions,
    expected: set[int],
    accuracy: "dict[str, float] | None" = None,
    preferred: str | None = None,
) -> str:
    """Choose the output that holds the scores.

    Parameters
    ----------
    label : str
        Name of the model in messages.
    outputs : mapping of str to array
        Outputs on some images, by name.
    n_images : int
    options : OutputOptions
    expected : set of int
        Numbers of scores per image that fit the classes.
    accuracy : dict of str to float, optional
        Accuracy of the outputs, which decides between outputs with unknown names.
    preferred : str, optional
        Name of the dense model's output.

    Raises
    ------
    UserError
        The requested output is missing, or no output has scores of classes.
    """
    tables = {name: as_table(one, n_images) for name, one in outputs.items()}
    if options.output is not None:
        if tables.get(options.output) is None:
            raise UserError(
                f"{label}: --output {options.output}: it has no such output with scores per image; "
                f"it has {shapes(outputs)}"
            )
        return options.output
    widths = {
        name: one.shape[1] for name, one in tables.items() if one is not None and one.ndim == 2
    }
    usable = list(widths)
    fitting = [name for name in usable if widths[name] in expected]
    # Whole numbers may be indices: prefer floating-point outputs.
    fitting = [name for name in fitting if outputs[name].dtype.kind == "f"] or fitting
    if not fitting and not usable:
        fitting = [name for name, one in tables.items() if one is not None]
    names = fitting or usable
    if not names:
        raise UserError(
            f"{label}: it has {shapes(outputs)}; expected an output of scores [N, classes]; "
            "choose it with --output NAME"
        )
    if preferred in names:
        return preferred
    if preferred is not None and len(names) > 1:
        raise UserError(
            f"{label}: it has no output '{preferred}', which dense has; it has "
            f"{shapes(outputs)}; choose one for every model with --output NAME"
        )
    by_name = {plain(name): name for name in reversed(names)}
    known = next((by_name[name] for name in _PREFERRED if name in by_name), None)
    if known is not None:
        return known
    return max(names, key=lambda name: (accuracy or {}).get(name, 0.0))


def shapes(outputs: Mapping[str, Array]) -> str:
    """List outputs with their types and shapes."""
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
    options: OutputOptions,
    given_names: Sequence[str],
    own_names: Sequence[str],
) -> LabelSpace:
    """Assign scores to classes by the given names, else by the model's own names.

    Raises
    ------
    UserError
        A class of the images has no score.
    """
    n = len(class_names)
    if width == 1 and n == 2 and not given_names:
        return label_space(class_names, 2, subject=label)
    if width == 1 and n != 2:
        raise UserError(
            f"{label}: it outputs one score per image, that of the second of two classes, but the "
            f"images have {n} classes; choose another output with --output NAME"
        )
    source = f"--classes {options.classes}" if given_names else "the model itself"
    is_own = len(own_names) in (width, width - options.label_offset)
    names = given_names or (own_names if is_own else ())
    if not given_names and width == n and _are_indices(names):
        names = ()
    return label_space(
        class_names, width, names=names, source=source, offset=options.label_offset, subject=label
    )


def _are_indices(names: Sequence[str]) -> bool:
    """Return whether output names are mere indices, such as LABEL_0."""
    generic = {plain(f"{word}{i}") for i in range(len(names)) for word in ("label", "class", "")}
    return all(plain(name) in generic for name in names)


def scores_of(fit: Fit, output: Array, n_images: int) -> Array:
    """Return the scores of the sweep's classes, (n, C), or labels, (n,), from one output.

    Raises
    ------
    ValueError
        The shape differs from that on the tried images, or a label is not a class.
    """
    table = all_scores_of(fit, output, n_images)
    if fit.width == 1 and table.ndim == 2:
        table = two_classes(table, fit.scores)
    return table if fit.columns is None or table.ndim == 1 else table[:, list(fit.columns)]


def all_scores_of(fit: Fit, output: Array, n_images: int) -> Array:
    """Return all scores, (n, W), for :func:`run_scores`, or labels, (n,).

    Raises
    ------
    ValueError
        The shape differs from that on the tried images.
    """
    table = as_table(output, n_images)
    if table is None or (table.ndim == 2 and table.shape[1] != fit.width):
        raise ValueError(f"output '{fit.output}' has another shape: {output.shape}")
    if table.ndim == 1:
        outside = table[(table < NO_ANSWER) | (table >= fit.n_classes)]
        if len(outside):
            raise ValueError(
                f"output '{fit.output}' returns the label {outside[0]}, but there are "
                f"{fit.n_classes} classes, from 0 to {fit.n_classes - 1}"
            )
        return table.astype(np.int64)
    return table
