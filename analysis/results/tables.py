"""Registry of all tables of a sweep, which the command line, the Export page and reports offer."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.results.frames import rows_of


@dataclass(frozen=True)
class Table:
    """One table.

    Parameters
    ----------
    name : str
        Name on the command line; its method of ``SweepResults`` has underscores.
    about : str
        One sentence on its rows and columns.
    takes_variant : bool
        Whether it is computed for one variant; otherwise its rows are filtered.
    has_dense : bool
        Whether dense has rows of its own.
    is_contract : bool
        Whether other programs rely on its name and columns.
    """

    name: str
    about: str
    takes_variant: bool = True
    has_dense: bool = False
    is_contract: bool = False

    @property
    def method(self) -> str:
        """Name of the method of ``SweepResults`` that computes it."""
        return self.name.replace("-", "_")

    def rows(self, results: Any, variant_id: str | None = None) -> pd.DataFrame:
        """Compute the table of a ``SweepResults``, of one variant if it is named.

        Raises
        ------
        CacheError
            The sweep has no such variant.
        """
        compute = getattr(results, self.method)
        if self.takes_variant:
            frame: pd.DataFrame = compute(variant_id)
            return frame
        table: pd.DataFrame = compute()
        return table if variant_id is None else rows_of(table, results.manifest.variant(variant_id))


_ALL = (
    Table(
        "runs", "One row a run: accuracy, calibration error, size and latency.",
        takes_variant=False, has_dense=True, is_contract=True,
    ),
    Table("images", "One row an image and variant: modal labels, PIE, kind, votes.",
          is_contract=True),
    Table("pies", "The PIEs of the images table, by falling vote distance.", is_contract=True),
    Table("classes", "One row a class and variant: recall deltas, test, p, q and intervals.",
          is_contract=True),
    Table("summary", "One row a variant.", takes_variant=False, has_dense=True, is_contract=True),
    Table("curves", "One row a variant and metric, with 95 % intervals over runs.",
          takes_variant=False, has_dense=True, is_contract=True),
    Table("stability", "One row an image and variant: share of resamples of the seeds in which it "
          "is a PIE."),
    Table("seed-test", "One row a variant: whether it has more PIEs than other seeds would make."),
    Table("halves", "One row a variant and scalar (CEV, impacted classes, …): of a half of its "
          "runs, and what seeds alone make of it between halves of the dense runs."),
    Table("plan", "One row a variant and class, one of all images first: differences "
          "that its seeds and images detect, and how many a difference of 2 points takes."),
    Table("pairs", "One row a variant of one single model (K = 1): change of accuracy, McNemar's "
          "test, flips."),
    Table("shift-pairs", "One row a variant of one single model (K = 1) and shift: the pair on its "
          "images."),
    Table("overlap", "One row a pair of variants: Jaccard overlap of their PIEs.",
          takes_variant=False),
    Table("attributes", "One row a variant, attribute and value: by how much compression makes its "
          "images likelier to be PIEs than seeds do, and its share of the PIEs."),
    Table("attribute-deciles", "One row a variant, numeric attribute and tenth of its values: PIE "
          "excess with its interval."),
    Table("attribute-pairs", "One row a variant of one single model (K = 1), attribute and value: "
          "the pair on its images."),
    Table("numeric-attributes", "One row a variant and numeric attribute: PIEs and non-PIEs "
          "compared."),
    Table("subgroups", "One row a variant, class and subgroup: false positive and negative rates."),
    Table("robustness", "One row a variant, shift and metric: how much of its clean accuracy is "
          "kept."),
    Table("scores", "One row a variant, score of the images (confidence, atypicality, …) and tenth "
          "of it: PIE excess, and whether the score tells compression from seeds."),
    Table("forecast", "One row a variant and image, the most doubtful to dense runs first, with "
          "the share of changes expected up to its rank."),
    Table("slices", "One row a variant and group of images that compression costs more than the "
          "others: found on one half of the images, tested on the other."),
    Table("cascade", "One row a variant and share of its answers sent to dense: forgotten images "
          "left, accuracy, latency, beside sending them to another compressed run."),
    Table("layers", "One row a variant and layer, or the best of them together: forgotten images "
          "that come back with it in float, bytes added."),
    Table("annotations", "One row an answer of a rater that stands."),
    Table("annotation-shares", "One row a study and category: shares among PIEs, A/A PIEs and "
          "non-PIEs."),
    Table("annotation-agreement", "One row a study and pair of raters: Cohen's kappa; one of all: "
          "Krippendorff's alpha."),
)  # fmt: skip
TABLES: dict[str, Table] = {table.name: table for table in _ALL}
# Tables whose names and columns other programs rely on.
CONTRACT_TABLES = tuple(table.name for table in _ALL if table.is_contract)
