"""Everything that images can be sorted by: name, label, value, code and why it may be unknown.

The one place a sort is added: the address, the menu, the order, the open image's facts, the Python
lines to copy and the hint where no value is known are all made from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis import schema

Column = Callable[[str], npt.NDArray[Any]]


@dataclass(frozen=True)
class Sort:
    """One key to sort images by.

    Parameters
    ----------
    key, label : str
        Its value in the address, and what the menu calls it.
    column : str
        Column of the images table, or the one that ``minus`` is subtracted from.
    minus : str
        Column that is subtracted; empty for none.
    digits : int, optional
        Digits that differences are rounded to: shares of equal drops differ in their last bits.
    fact : str
        How the value of one image is written, as a format with ``value`` and ``percent``; empty
        where a tile shows it anyway.
    why_unknown : str
        Message where no image has a value.
    of_populations : bool
        Whether it has two values at most, or none, with one run a variant.
    """

    key: str
    label: str
    column: str
    minus: str = ""
    digits: int | None = None
    fact: str = ""
    fact_label: str = ""
    why_unknown: str = ""
    of_populations: bool = False

    def value(self, column: Column) -> npt.NDArray[Any]:
        """Compute the N values from columns of the images table."""
        value = column(self.column)
        if self.minus:
            value = value - column(self.minus)
        return value if self.digits is None else np.round(value, self.digits)

    @property
    def expression(self) -> str:
        """The same value as Python, of the images table ``table``."""
        code = f'table["{self.column}"]'
        if self.minus:
            code += f' - table["{self.minus}"]'
        return code if self.digits is None else f"({code}).round({self.digits})"

    def written(self, value: float) -> tuple[str, str]:
        """Write the value of one image as a fact: what it is, and how much."""
        text = self.fact.format(value=value, percent=f"{100 * value:.0f} %")
        return self.fact_label or self.label, text


_ALL = (
    Sort("vote_distance", "Vote distance", "vote_distance", of_populations=True),
    Sort(
        "agreement_drop", "Agreement drop", "dense_agreement", minus="agreement", digits=5,
        of_populations=True,
    ),
    Sort(
        "accuracy_drop", "Accuracy drop", "dense_accuracy", minus="accuracy", digits=5,
        of_populations=True,
    ),
    Sort("dense_confidence", "Dense confidence", "dense_confidence"),
    Sort(
        "forecast", "Forecast: doubt of dense", schema.DENSE_DOUBT, fact="{value:.3f}",
        fact_label="Doubt of the dense runs",
        why_unknown="The doubt of the dense runs is known of runs with scores alone.",
    ),
    Sort(
        "kl", "KL from dense", schema.KL_FROM_DENSE, fact="{value:.3f} nats",
        why_unknown="The divergence from dense is known of paired runs with scores alone.",
    ),
    Sort(
        "margin", "Margin", schema.MARGIN, fact="{value:.3f}",
        fact_label="Margin of the two largest scores",
        why_unknown="The margin is known of runs with scores alone, made since it is stored.",
    ),
    Sort(
        "confidence_lost", "Confidence lost", "dense_true_confidence", minus="true_confidence",
        fact="{value:+.3f}", fact_label="Confidence lost in the true class",
        why_unknown="The runs' confidence in the true class is not known.",
    ),
    Sort(
        "dense_vote_entropy", "Dense vote entropy", "dense_vote_entropy",
        fact="{value:.2f} nats", of_populations=True,
        why_unknown="The votes of the dense runs are not known.",
    ),
    Sort(
        "breaking_point", "Breaking point", "breaking_point",
        fact="a PIE from sparsity {value:g} on",
        why_unknown="No image has a breaking point: this method has no levels of sparsity, or no "
        "PIE at its largest.",
    ),
    Sort(
        "stability", "PIE stability", "stability",
        fact="a PIE in {percent} of resampled seeds", of_populations=True,
        why_unknown="PIE stability needs two runs or more in both populations.",
    ),
    Sort("label", "True label", "label"),
    Sort("image_id", "Image id", "image_id"),
)  # fmt: skip
SORTS: dict[str, Sort] = {one.key: one for one in _ALL}
# Other names that an address may use.
ALIASES = {"entropy": "dense_vote_entropy"}


def sort_of(key: str) -> Sort:
    """Return a sort by its key; of a ``meta_*`` column one by the column itself."""
    if key in SORTS:
        return SORTS[key]
    name = key.removeprefix(schema.META_PREFIX)
    return Sort(key, name, key, fact="{value:g}", why_unknown="No image has a value of it.")
