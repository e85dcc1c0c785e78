"""Curves of the images of one class, or of one value of a metadata column."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.errors import UserError
from analysis.results.metadata import Attribute
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.curves import accuracy_on, curve_row, curve_table

OF_CLASS = "recall"
OF_VALUE = "top1_on_value"


class GroupCurves:
    """Curves of the images of one class, or of one value of a metadata column."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants

    def of_class(self, class_name: str, summary: pd.DataFrame) -> pd.DataFrame:
        """Recall of a class: curve rows of one metric, ``recall``.

        Raises
        ------
        UserError
            There is no such class.
        """
        if class_name not in self._source.class_names:
            raise UserError(f"there is no class '{class_name[:80]}' in this sweep")
        class_id = self._source.class_names.index(class_name)

        def recall(variant_id: str) -> npt.NDArray[np.float64]:
            runs = self._variants.of_classes.class_runs(variant_id)
            of_class = runs.loc[runs[schema.CLASS_ID] == class_id, "recall"]
            return of_class.to_numpy(np.float64)

        return self._curves(OF_CLASS, recall, summary)

    def of_value(self, attribute: Attribute, value: str, summary: pd.DataFrame) -> pd.DataFrame:
        """Accuracy on the images of a value: curve rows of one metric, ``top1_on_value``.

        Raises
        ------
        UserError
            The attribute has no such value.
        """
        if attribute.values is None or attribute.code is None or value not in attribute.values:
            raise UserError(f"'{attribute.name[:80]}' has no value '{value[:80]}'")
        chosen = attribute.code == attribute.values.index(value)

        def accuracy(variant_id: str) -> npt.NDArray[np.float64]:
            return self._variants.kept.once(
                f"on {attribute.name}\0{value}",
                variant_id,
                lambda: accuracy_on(self._source.correct(variant_id), chosen),
            )

        return self._curves(OF_VALUE, accuracy, summary)

    def _curves(
        self,
        metric: str,
        per_run: Callable[[str], npt.NDArray[np.float64]],
        summary: pd.DataFrame,
    ) -> pd.DataFrame:
        ids = self._source.variant_ids if DENSE_ID in self._source.variant_ids else []
        rows: dict[str, Any] = summary.set_index(schema.VARIANT_ID).to_dict("index")
        found = [curve_row(rows[v], metric, per_run(v)) for v in ids]
        return curve_table(row for row in found if row is not None)
