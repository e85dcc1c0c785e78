"""Gain of a learned forecast over doubt alone in finding the images that compression costs.

Logistic regression on features of the dense runs: doubt, margin, entropy of the votes and the modal
class; with labels also EL2N, the class, label suspicion and atypicality. It is trained on the
variant's own changes on one half of the images, which no forecast has, and scored on the other, and
vice versa. The difference of average precision from doubt alone is over the same images, resampled
500 times. For comparison: the mean margin of the dense runs, which learns nothing.
"""

import argparse

import numpy as np
from sklearn.metrics import average_precision_score

from analysis import schema
from analysis.config import DENSE_ID
from analysis.results import SweepResults
from analysis.stats.forecast import halves_of_images
from analysis.stats.image_scores import atypicality, runs_scores
from analysis.stats.votes import FloatArray
from analysis.store import Cache

_RESAMPLES, _RIDGE, _STEPS = 500, 1.0, 50
_COLUMNS = (schema.TRUE_CONFIDENCE, schema.MARGIN, schema.EL2N)


def columns(results: SweepResults, *, with_labels: bool) -> FloatArray:
    """Return the predictors, (N, p): numbers, their squares, and a flag for each class."""
    dense, label = results.population(DENSE_ID), results.label
    population = results.folder.read_population(DENSE_ID, _COLUMNS, list(dense.seeds), len(label))
    scores = runs_scores(
        dense.prediction, dense[schema.CONFIDENCE], population[schema.TRUE_CONFIDENCE],
        population[schema.MARGIN], population[schema.EL2N], label,
    )  # fmt: skip
    numbers = [scores[one] for one in ("low_confidence", "low_margin", "vote_entropy")]
    numbers += [np.log(np.clip(one, 1e-6, None)) for one in numbers[:2]]
    flags = [dense.prediction[0] == c for c in range(len(results.class_names))]
    if with_labels:
        numbers += [scores["el2n"], scores["label_suspicion"]]
        features = results.features()
        if features is not None:
            numbers.append(atypicality(features, label))
        flags += [label == c for c in range(len(results.class_names))]
    values = np.column_stack(numbers).astype(np.float64)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    return np.column_stack([np.ones(len(label)), values, values**2, *flags])


def fitted(x: FloatArray, event: FloatArray) -> FloatArray:
    """Fit logistic regression with a ridge penalty by Newton's method; return its weights."""
    weights = np.zeros(x.shape[1])
    ridge = _RIDGE * np.eye(x.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (event - p) - ridge @ weights
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + ridge, slope)
        weights += step * min(1.0, 5 / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-6:
            break
    return weights


def learned(x: FloatArray, event: FloatArray) -> FloatArray:
    """Score each half of the images by weights fitted on the other half."""
    choosing, scores = halves_of_images(len(event)), np.zeros(len(event))
    for half in (choosing, ~choosing):
        scores[half] = x[half] @ fitted(x[~half], event[~half])
    return scores


def _precision(score: FloatArray, event: FloatArray, weight: FloatArray) -> float:
    """Return average precision with each image weighted by its share of events."""
    truth = np.repeat([1.0, 0.0], len(score))
    weights = np.concatenate([event * weight, (1 - event) * weight])
    return float(average_precision_score(truth, np.tile(score, 2), sample_weight=weights))


def _difference(score: FloatArray, doubt: FloatArray, event: FloatArray) -> str:
    generator, n = np.random.default_rng(20191113), len(event)

    def of(weight: FloatArray) -> float:
        return _precision(score, event, weight) - _precision(doubt, event, weight)

    drawn = [
        of(generator.multinomial(n, np.full(n, 1 / n)).astype(np.float64))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{of(np.ones(n)):+.4f} [{low:+.4f}, {high:+.4f}]"


def main() -> None:
    """Print the difference for every variant of the sweeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweeps", nargs="*")
    parser.add_argument("--cache", default="cache")
    options = parser.parse_args()
    for name in options.sweeps:
        results = SweepResults(Cache(options.cache).existing(name))
        doubt = results._doubt.doubt
        tables = {
            "no labels": columns(results, with_labels=False),
            "with labels": columns(results, with_labels=True),
        }
        for variant_id in results.compressed_ids:
            event = results._doubt.event(variant_id)
            base = _precision(doubt, event, np.ones(len(event)))
            scores = {f"learned, {what}": learned(x, event) for what, x in tables.items()}
            scores["mean margin"] = -results._source.mean_of(DENSE_ID, schema.MARGIN)
            differences = "; ".join(
                f"{what} {_difference(score, doubt, event)}" for what, score in scores.items()
            )
            print(f"{name}, {variant_id}: AP of doubt {base:.3f}, gain {differences}", flush=True)


if __name__ == "__main__":
    main()
