"""Predictions drawn at random, written in every format that can be imported."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.cli.main import main
from analysis.store import Cache, SweepFolder

NAMES = ("ant", "bee", "cat", "dog", "eel")
N = 60
RUNS = tuple((variant, seed) for variant in ("dense", "magnitude-0.90") for seed in (0, 1))
COLUMNS = ["prediction", "confidence", "true_confidence", "true_rank"]


def labels(n: int = N) -> np.ndarray:
    return np.random.default_rng(1).integers(0, len(NAMES), n)


def logits(variant: str, seed: int, n: int = N) -> np.ndarray:
    generator = np.random.default_rng([2, seed, len(variant)])
    scores = generator.normal(size=(n, len(NAMES)))
    scores[np.arange(n), labels(n)] += 3.0 if variant == "dense" else 1.2
    return scores.astype(np.float32)


def softmax(scores: np.ndarray) -> np.ndarray:
    exponent = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return exponent / exponent.sum(axis=1, keepdims=True)


def table(runs: tuple[tuple[str, int], ...] = RUNS, n: int = N, *, shuffled: bool = True):
    """One row an image and run, in no order."""
    frames = []
    row, label = np.arange(n), labels(n)
    for variant, seed in runs:
        scores = logits(variant, seed, n)
        p = softmax(scores)
        prediction = scores.argmax(axis=1)
        frames.append(
            pd.DataFrame(
                {
                    "image_id": row,
                    "label": label,
                    "seed": seed,
                    "variant_id": variant,
                    "prediction": prediction,
                    "confidence": p[row, prediction],
                    "true_confidence": p[row, label],
                    "true_rank": (scores > scores[row, label][:, None]).sum(axis=1),
                }
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    return frame.sample(frac=1, random_state=0, ignore_index=True) if shuffled else frame


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with class names for class ids."""
    return frame.assign(
        label=[NAMES[i] for i in frame["label"]], prediction=[NAMES[i] for i in frame["prediction"]]
    )


def write(frame: pd.DataFrame, path: Path) -> str:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif ".csv" in path.name or ".tsv" in path.name:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    else:
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    return str(path)


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> str:
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def write_scores(
    folder: Path, runs: tuple[tuple[str, int], ...] = RUNS, *, kind: str = "logits", n: int = N
) -> list[str]:
    folder.mkdir(exist_ok=True)
    paths = []
    for variant, seed in runs:
        scores = logits(variant, seed, n)
        path = folder / f"{variant}__seed-{seed}.npz"
        np.savez(path, **{kind: scores if kind == "logits" else softmax(scores)}, labels=labels(n))
        paths.append(str(path))
    return paths


def imported(cache: Path, *files: str, name: str = "mine", options: tuple[str, ...] = ()):
    """Import as a user does; the sweep's folder."""
    assert main(["import", *files, "--name", name, "--cache", str(cache), *options]) == 0
    return Cache(cache).existing(name)


def predictions(folder: SweepFolder, columns: list[str] = COLUMNS) -> pd.DataFrame:
    """Every run's predictions in one frame."""
    frames = []
    for variant, seed, run in folder.manifest().all_runs():
        if run.state == "done":
            read = pd.read_parquet(folder.prediction_path(variant, seed), columns=columns)
            frames.append(read.assign(variant_id=variant, seed=seed, image_id=range(len(read))))
    return pd.concat(frames, ignore_index=True)


def left_in(cache: Path) -> list[str]:
    """Names of everything that lies in a cache."""
    return (
        sorted(str(path.relative_to(cache)) for path in cache.rglob("*")) if cache.exists() else []
    )
