"""Tables of what dense runs say of images before anything is compressed: scores and forecast."""

from functools import cached_property

import numpy as np
import pandas as pd

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results.frames import stack
from analysis.results.held_out import HeldOut
from analysis.results.source import Source
from analysis.results.variants import VariantTables
from analysis.stats.deciles import deciles
from analysis.stats.excess import group_excess
from analysis.stats.forecast import Skill, forecast_table, skill
from analysis.stats.image_scores import SCORES, atypicality, runs_scores
from analysis.stats.multiple import benjamini_hochberg
from analysis.stats.score_tests import auc_test
from analysis.stats.votes import FloatArray
from analysis.store.features import read_features

_SAID = (schema.TRUE_CONFIDENCE, schema.MARGIN, schema.EL2N)


def dense_doubt(source: Source) -> FloatArray:
    """Doubt of all dense runs, (N,): 1 - mean confidence; of one run 1 - its margin, if known.

    NaN where the runs give labels alone.
    """
    if len(source.population(DENSE_ID).seeds) == 1:
        margin = source.mean_of(DENSE_ID, schema.MARGIN)
        if not np.isnan(margin).all():
            return np.asarray(1 - margin)
    return np.asarray(1 - source.mean_of(DENSE_ID, schema.CONFIDENCE))


class DoubtTables:
    """Scores of images tested against seed noise, and the forecast, of one sweep."""

    def __init__(self, source: Source, variants: VariantTables) -> None:
        self._source = source
        self._variants = variants
        self.held_out = HeldOut(source, variants)

    @cached_property
    def image_scores(self) -> dict[str, FloatArray]:
        """Scores of all images from the third of the dense runs that is in no half, (N,)."""
        n_runs, label = self.held_out.n_score_runs, self._source.label
        dense = self._source.population(DENSE_ID)
        said = self._source.folder.read_population(
            DENSE_ID, _SAID, list(dense.seeds[:n_runs]), len(label)
        )
        found = runs_scores(
            dense.prediction[:n_runs],
            dense[schema.CONFIDENCE][:n_runs],
            said[schema.TRUE_CONFIDENCE],
            said[schema.MARGIN],
            said[schema.EL2N],
            label,
        )
        features = read_features(self._source.folder)
        if features is not None:
            found["atypicality"] = atypicality(features, label)
        counts = self._variants.of_classes.train_counts(DENSE_ID)
        if counts is not None:
            n_train = counts.mean(axis=0)
            if len(np.unique(n_train)) > 1:
                rarity = -np.log2(np.where(n_train > 0, n_train, np.nan))
                found["class_rarity"] = rarity[label]
        return found

    def scores(self, variant_id: str) -> pd.DataFrame:
        """One row a score and tenth of it: the PIE excess; and the score's test, in every row."""
        excess = self.held_out.excess(variant_id)
        if excess is None:
            return pd.DataFrame(columns=list(schema.SCORES_COLUMNS))
        frames, tests = [], []
        for one in SCORES:
            values = self.image_scores.get(one.name)
            if values is None or np.isnan(values).all():
                continue
            here = values[excess.sample]
            code, edges = deciles(here)
            n = max(len(edges) - 1, 0)
            of_tenths = group_excess(excess.half, excess.floor, excess.jackknife, code, n).risk
            test = auc_test(here, excess.half, excess.floor, excess.jackknife)
            tests.append(float(test.difference.p[0]))
            frames.append(
                pd.DataFrame(
                    {
                        schema.VARIANT_ID: variant_id,
                        "score": one.name,
                        "decile": np.arange(1, n + 1),
                        "n": np.bincount(code[code >= 0], minlength=n),
                        "excess": of_tenths.difference,
                        "low": of_tenths.low,
                        "high": of_tenths.high,
                        "from_value": edges[:-1],
                        "to_value": edges[1:],
                        "auc_halves": test.halves,
                        "auc_aa": test.aa,
                        "auc_difference": float(test.difference.difference[0]),
                        "auc_low": float(test.difference.low[0]),
                        "auc_high": float(test.difference.high[0]),
                        "auc_p": tests[-1],
                        "n_score_runs": self.held_out.n_score_runs,
                    }
                )
            )
        corrected = benjamini_hochberg(np.array(tests))
        frames = [frame.assign(auc_q=q) for frame, q in zip(frames, corrected, strict=True)]
        return stack(frames, schema.SCORES_COLUMNS)[list(schema.SCORES_COLUMNS)]

    # --- the forecast -------------------------------------------------------------------------
    @cached_property
    def doubt(self) -> FloatArray:
        """Doubt of all dense runs, (N,)."""
        return dense_doubt(self._source)

    def event(self, variant_id: str) -> FloatArray:
        """What is forecast, 0..1 an image: flips of runs with their dense run, else being a PIE."""
        manifest = self._source.manifest
        if manifest.is_single(variant_id) or self._source.is_paired(variant_id):
            found = self._variants.flips(variant_id)
            return np.asarray(found.to_wrong + found.to_right, np.float64)
        return self._variants.pies(variant_id)["is_pie"].to_numpy(np.float64)

    def event_name(self, variant_id: str) -> str:
        """``flips`` or ``PIEs``."""
        manifest = self._source.manifest
        is_tied = manifest.is_single(variant_id) or self._source.is_paired(variant_id)
        return "flips" if is_tied else "PIEs"

    def forecast(self, variant_id: str | None) -> pd.DataFrame:
        """One row an image, the most doubtful first; without a variant nothing is compressed."""
        if variant_id is None:
            return forecast_table(None, self.doubt, np.full(len(self.doubt), np.nan))
        return forecast_table(variant_id, self.doubt, self.event(variant_id))

    def skill(self, variant_id: str) -> Skill:
        """How well doubt ranks the images of the variant's event."""
        return skill(self.doubt, self.event(variant_id))
