"""Fuzzing of ``import`` with damaged CSV, Parquet, JSON lines and npz files, plain and gzipped.

Every file must either be accepted and read back unchanged, or be refused with exit 2 and one line
that names it, within five seconds, with no traceback and no remains in the cache. Prints how many
were accepted and refused, and every other case: there must be none.
"""

import argparse
import contextlib
import csv
import gzip
import io
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from analysis.cli.main import main as command
from analysis.importing.encode import variant_record
from analysis.outputs.label_space import plain
from analysis.schema import NO_ANSWER
from analysis.store import Cache
from benchmarks._mutations import FORMATS, file_of, mutated

_SECONDS = 5.0
_BATCH = 500
Rows = dict[tuple[str, int, int], tuple[str, str, float | None]]
_WHOLE = re.compile(r"[+-]?\d{1,15}(\.0*)?")


def main() -> int:
    """Run the cases in child processes, so that a crash is a single finding."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_fuzz")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--batch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.batch:
        counts, wrong = run_cases(options.first, options.cases)
        print(json.dumps([counts, wrong]))
        return 0
    total, findings = Counter[str](), list[str]()
    for first in range(options.first, options.first + options.cases, _BATCH):
        n = min(_BATCH, options.first + options.cases - first)
        words = ["--batch", "--first", str(first), "--cases", str(n)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.import_fuzz", *words],
                capture_output=True, text=True, timeout=_SECONDS * n, check=True,
            )  # fmt: skip
            counts, wrong = json.loads(done.stdout.splitlines()[-1])
        except (subprocess.SubprocessError, ValueError, IndexError) as error:
            counts, wrong = {}, [f"cases from {first}: the process died or hung: {error}"]
        total.update(counts)
        findings += wrong
    for line in findings:
        print(line)
    summary = ", ".join(f"{key} {n:,}" for key, n in sorted(total.items()))
    print(f"{options.cases:,} damaged files: {summary}; other cases: {len(findings)}")
    return 3 if findings else 0


def run_cases(first: int, n: int) -> tuple[dict[str, int], list[str]]:
    """Run cases; return counts of accepted and refused files by format, and what went wrong."""
    counts, wrong = Counter[str](), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for case in range(first, first + n):
            kind = FORMATS[case % len(FORMATS)]
            outcome = _run(case, kind, Path(folder))
            if outcome in ("accepted", "refused"):
                counts[f"{kind} {outcome}"] += 1
            else:
                wrong.append(f"case {case} ({kind}): {outcome}")
    return dict(counts), wrong


def make(case: int, kind: str, folder: Path) -> Path:
    """Write the file of a case."""
    generator = random.Random(case)
    name, content = file_of(kind, generator)
    if kind.endswith(".gz") and generator.random() < 0.7:
        content = gzip.compress(mutated(gzip.decompress(content), generator), mtime=0)
    elif kind != "npz" or generator.random() < 0.5:
        content = mutated(content, generator)
    path = folder / name
    path.write_bytes(content)
    return path


def _run(case: int, kind: str, folder: Path) -> str:
    path = make(case, kind, folder)
    cache = folder / "cache"
    output, errors = io.StringIO(), io.StringIO()
    started = time.perf_counter()
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = command(["import", str(path), "--name", "x", "--cache", str(cache)])
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - started
    try:
        if seconds > _SECONDS:
            return f"took {seconds:.1f} s"
        if status == 0:
            try:
                return _read_back(path, kind, cache)
            except Exception as error:
                return f"accepted, but unreadable by other means: {error!r}"
        message = errors.getvalue()
        if status != 2 or message.count("\n") != 1 or str(path) not in message:
            return f"exit {status}: {message!r}"
        left = [str(one) for one in cache.rglob("*")] if cache.exists() else []
        return f"left {left}" if left else "refused"
    finally:
        shutil.rmtree(cache, ignore_errors=True)


def _read_back(path: Path, kind: str, cache: Path) -> str:
    """Compare an accepted sweep with the file as read by other libraries."""
    folder = Cache(cache).existing("x")
    manifest = folder.manifest()
    if folder.verify():
        return f"damaged: {folder.verify()}"
    label = folder.read_images(["label"])["label"].to_pylist()
    found: Rows = {}
    for variant_id, seed, _ in manifest.all_runs():
        frame = pd.read_parquet(folder.prediction_path(variant_id, seed))
        for image, (prediction, sure) in enumerate(
            zip(frame["prediction"], frame["confidence"], strict=True)
        ):
            guess = "" if prediction == NO_ANSWER else manifest.class_names[prediction]
            names = (manifest.class_names[label[image]], guess)
            found[variant_id, seed, image] = (*names, None if pd.isna(sure) else float(sure))
    expected = _scores(path) if kind == "npz" else _table(path, kind)
    return "accepted" if _are_equal(found, expected) else f"read {found}, expected {expected}"


def _are_equal(found: Rows, expected: Rows) -> bool:
    return found.keys() == expected.keys() and all(
        [*map(plain, row[:2])] == [*map(plain, expected[key][:2])]
        and (row[2] is None) == (expected[key][2] is None)
        and abs((row[2] or 0) - (expected[key][2] or 0)) < 1e-4
        for key, row in found.items()
    )


def _table(path: Path, kind: str) -> Rows:
    rows: list[dict[str, Any]]
    if kind == "parquet":
        rows = pq.ParquetFile(path).read().to_pylist()
    else:
        content = path.read_bytes()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode(
            "utf-8-sig"
        )
        if kind.startswith("jsonl"):
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
        else:
            header = re.split(r"[\r\n]", text, maxsplit=1)[0]
            separator = max(",;\t|", key=lambda one: len(next(csv.reader([header], delimiter=one))))
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            names = [name.strip().lower() for name in next(reader)]
            rows = [dict(zip(names, row, strict=False)) for row in reader if row]
    return {
        (
            variant_record(str(row["variant_id"]).strip(), paired=False).variant_id,
            int(float(row.get("seed", 0))),
            int(float(row["image_id"])),
        ): _answer(row)
        for row in rows
    }


def _answer(row: dict[str, Any]) -> tuple[str, str, float | None]:
    """Return label, prediction and confidence; the latter two are empty without a prediction."""
    guess = _class(row.get("prediction"))
    if guess.lower() in ("", "nan", "none", "na", "n/a", "null", f"{NO_ANSWER}"):
        return _class(row["label"]), "", None
    return _class(row["label"]), guess, _confidence(row.get("confidence"))


def _class(value: object) -> str:
    text = str(value).strip()
    return str(int(text.partition(".")[0])) if _WHOLE.fullmatch(text) else text


def _confidence(value: object) -> float | None:
    if value is None or str(value).strip() == "":
        return None
    return min(float(np.float32(str(value))), 1.0)


def _scores(path: Path) -> Rows:
    with np.load(path, allow_pickle=False) as parts:
        labels = parts["labels"].tolist()
        if "logits" in parts:
            scores = parts["logits"].astype(np.float64)
            p = np.exp(scores - scores.max(axis=1, keepdims=True))
        else:
            p = parts["probabilities"].astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    guess = p.argmax(axis=1)
    return {
        ("dense", 0, i): (_class(labels[i]), str(guess[i]), float(p[i].max()))
        for i in range(len(p))
    }


if __name__ == "__main__":
    sys.exit(main())
