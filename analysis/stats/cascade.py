"""The cascade: the least certain answers of a compressed model go to the dense one.

The threshold is chosen on one half of the images, and every figure is of the other.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import schema
from analysis.stats.forecast import halves_of_images
from analysis.stats.shares import wilson
from analysis.stats.votes import BoolArray, FloatArray, IntArray

SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
SPLIT = "test half"


@dataclass(frozen=True)
class CascadeRuns:
    """Runs of a variant, each with the dense run it is sent to, arrays of shape (K, N).

    ``certainty`` is the margin of the compressed runs (else their confidence), ``other`` whether
    the run that the control sends to is right: another one of the same variant; None with one run.
    """

    certainty: FloatArray
    dense: BoolArray
    variant: BoolArray
    other: BoolArray | None


def cascade_table(
    variant_id: str,
    runs: CascadeRuns,
    *,
    latency_ms: tuple[float, float],
    size_bytes: tuple[float, float],
) -> pd.DataFrame:
    """What is left of the forgotten images where a share of the answers is sent to dense.

    For each share q: the threshold of each run is the q-quantile of its certainty on the choosing
    half, and all answers of at most that certainty are sent. On the test half, summed over the
    runs: ``forgotten_left`` = forgotten images (dense right, compressed wrong) that are not sent,
    over all forgotten ones; ``control_forgotten_left`` = those that are wrong still where answers
    are sent to another compressed run instead.

    Parameters
    ----------
    variant_id : str
    runs : CascadeRuns
    latency_ms, size_bytes : (dense, variant)
        Median latency of one image, and bytes of weights; NaN where not known.

    Returns
    -------
    DataFrame
        Columns ``schema.CASCADE_COLUMNS``, a row a share. ``threshold`` is the mean over runs (null
        where none or all are sent), ``share_sent_found`` the share that is sent on the test half:
        more than ``share_sent`` where many answers are equally certain. ``mean_latency_ms`` and
        ``mean_bytes_read`` are those of the compressed model plus that share of dense.

    Notes
    -----
    The 95 % interval is Wilson's, with the effective number of images that a two-way clustered
    variance (runs x images; over images with one run) gives for the ratio.
    """
    choosing = halves_of_images(runs.dense.shape[1])
    test = ~choosing
    certainty = np.where(np.isnan(runs.certainty), -1, runs.certainty)
    thresholds = _thresholds(certainty[:, choosing])
    judged, dense, variant = certainty[:, test], runs.dense[:, test], runs.variant[:, test]
    forgotten = _Events.of(dense & ~variant)
    recovered = _Events.of(variant & ~dense)
    of_forgotten, of_recovered = judged[forgotten.places], judged[recovered.places]
    still_wrong = None if runs.other is None else ~runs.other[:, test][forgotten.places]
    dense_top1, top1 = float(dense.mean()), float(variant.mean())
    rows = []
    for share, threshold in zip(SHARES, thresholds, strict=True):
        share_sent = np.count_nonzero(judged <= threshold[:, None]) / judged.size
        left = of_forgotten > threshold[forgotten.run]
        value, low, high = forgotten.share(left)
        gained = np.count_nonzero(~left)
        gained -= np.count_nonzero(of_recovered <= threshold[recovered.run])
        control = np.nan if still_wrong is None else forgotten.share(left | still_wrong)[0]
        after, lost = top1 + gained / judged.size, dense_top1 - top1
        rows.append(
            {
                schema.VARIANT_ID: variant_id,
                "share_sent": share,
                "threshold": float(threshold.mean()) if np.isfinite(threshold).all() else np.nan,
                "forgotten_left": value,
                "forgotten_left_low": low,
                "forgotten_left_high": high,
                "top1": after,
                "control_forgotten_left": control,
                "mean_latency_ms": latency_ms[1] + share_sent * latency_ms[0],
                "split": SPLIT,
                "share_sent_found": share_sent,
                "n_forgotten": len(forgotten.run) / len(judged),
                "lost_top1_recovered": (after - top1) / lost if lost > 0 else np.nan,
                "mean_bytes_read": size_bytes[1] + share_sent * size_bytes[0],
                "n_runs": len(judged),
            }
        )
    return pd.DataFrame(rows).reindex(columns=list(schema.CASCADE_COLUMNS))


def _thresholds(certainty: FloatArray) -> list[FloatArray]:
    """Largest certainty that is sent, of each run, for each share: from nothing to everything."""
    k, n = certainty.shape
    counts = [round(share * n) for share in SHARES]
    wanted = sorted({count - 1 for count in counts if 0 < count < n})
    ranked = np.partition(certainty, wanted, axis=1) if wanted else certainty
    thresholds = []
    for share, count in zip(SHARES, counts, strict=True):
        if share >= 1 or count >= n:
            thresholds.append(np.full(k, np.inf))
        else:
            thresholds.append(ranked[:, count - 1] if count else np.full(k, -np.inf))
    return thresholds


@dataclass(frozen=True)
class _Events:
    """Where something happened: the run and image of each event, of K runs and n images."""

    run: IntArray
    image: IntArray
    k: int
    n: int

    @classmethod
    def of(cls, happened: BoolArray) -> "_Events":
        run, image = np.nonzero(happened)
        return cls(run, image, *happened.shape)

    @property
    def places(self) -> tuple[IntArray, IntArray]:
        return self.run, self.image

    def share(self, part: BoolArray) -> tuple[float, float, float]:
        """Share of the events that are in ``part``, and its 95 % interval."""
        total = len(self.run)
        if not total:
            return np.nan, np.nan, np.nan
        value = np.count_nonzero(part) / total
        # The residual of an event: whether it is in the part, minus the share of all events.
        residual = part - value
        of_images = np.bincount(self.image, residual, self.n)
        images = float((of_images**2).sum())
        variance = images
        if self.k > 1:
            of_runs = np.bincount(self.run, residual, self.k)
            runs = self.k / (self.k - 1) * float(((of_runs - of_runs.mean()) ** 2).sum())
            variance = max(runs + images - float((residual**2).sum()), images)
        variance /= total**2
        # Without variance: the number of images with the event.
        n_images = float(np.count_nonzero(np.bincount(self.image)))
        n = value * (1 - value) / variance if variance > 0 else n_images
        low, high = wilson(np.array([value * n]), n)
        return value, float(low[0]), float(high[0])
