"""Runs that look made from each other: seen in predictions, said where they come in."""

import numpy as np
import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.presentation.pair_findings import pairing_hints
from analysis.results import SweepResults
from analysis.stats.pairs import paired_rows, seed_tie
from analysis.store import Cache
from tests.dashboard.test_pages import open_page as open_page
from tests.dashboard.test_pages import told
from tests.importing.drawn import imported, write
from tests.synthetic import make_sweep

N, K = 400, 3


def drawn(*, tied: bool, change: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of dense runs, and of copies of them or of runs of their own, [K, N]."""
    generator = np.random.default_rng(0)
    label = np.arange(N) % 5

    def run() -> np.ndarray:
        return np.where(generator.random(N) < 0.15, generator.integers(0, 5, N), label)

    dense = np.array([run() for _ in range(K)])
    if not tied:
        return dense, np.array([run() for _ in range(K)])
    others = generator.integers(0, 5, (K, N))
    return dense, np.where(generator.random((K, N)) < change, others, dense)


def rows(n: int = K):
    return paired_rows(tuple(range(n)), tuple(range(n)), paired=True)


def test_copies_differ_least_from_their_own_originals():
    dense, variant = drawn(tied=True)
    tie = seed_tie(dense, variant, rows())
    apart = [[np.mean(dense[i] != variant[j]) for j in range(K)] for i in range(K)]
    assert tie.equal == max(apart[i][i] for i in range(K))
    assert tie.different == min(apart[i][j] for i in range(K) for j in range(K) if i != j)
    assert tie.is_likely
    assert not seed_tie(*drawn(tied=False), rows()).is_likely
    assert not seed_tie(*drawn(tied=True, change=0.9), rows()).is_likely


def test_one_seed_tells_nothing():
    dense, variant = drawn(tied=True)
    tie = seed_tie(dense, variant, rows(1))
    assert np.isnan(tie.equal)
    assert not tie.is_likely
    assert not seed_tie(dense, dense, rows(1)).is_likely


def table(tmp_path, *, tied: bool) -> str:
    frames = []
    for variant, runs in zip(("dense", "int8"), drawn(tied=tied), strict=True):
        for seed, prediction in enumerate(runs):
            frames.append(
                pd.DataFrame(
                    {
                        "image_id": range(N), "label": np.arange(N) % 5, "seed": seed,
                        "variant_id": variant, "prediction": prediction,
                    }
                )
            )  # fmt: skip
    return write(pd.concat(frames), tmp_path / "rows.csv")


def test_an_import_says_what_looks_tied_and_how_to_bring_it(tmp_path, capsys):
    cache, file = tmp_path / "cache", table(tmp_path, tied=True)
    imported(cache, file)
    said = capsys.readouterr().out
    assert "int8 differs from the dense run of its seed on at most" in said
    assert main(["import", file, "--name", "mine", "--cache", str(cache), "--paired",
                 "--overwrite"]) == 0  # fmt: skip
    assert "its runs look made from them" not in capsys.readouterr().out
    imported(tmp_path / "other", table(tmp_path, tied=False))
    assert "its runs look made from them" not in capsys.readouterr().out


def test_the_overview_says_it_too(tmp_path, open_page):
    imported(tmp_path, table(tmp_path, tied=True))
    assert "its runs look made from them" in told(open_page()).replace("\\", "")


def test_the_way_out_is_that_of_the_sweep(tmp_path):
    results = SweepResults(imported(tmp_path, table(tmp_path, tied=True)))
    assert "import its files again with --paired --overwrite" in pairing_hints(results)[0]
    manifest = results.folder.manifest()
    manifest.origin = "external"
    results.folder.write_manifest(manifest)
    given = SweepResults(Cache(tmp_path).sweep("mine"))
    assert given.manifest.origin == "external"
    assert "run the models again with --paired, under another --name" in pairing_hints(given)[0]


def test_sweeps_trained_here_are_known(tmp_path, monkeypatch):
    results = SweepResults(make_sweep(tmp_path))
    monkeypatch.setattr(type(results._source), "population", None)
    assert pairing_hints(results) == []


@pytest.mark.parametrize("seeds", [(0, 1, 2), (5, 6, 7)])
def test_seeds_need_not_be_the_first(tmp_path, seeds):
    file = table(tmp_path, tied=True)
    frame = pd.read_csv(file)
    frame["seed"] = frame["seed"].map(dict(enumerate(seeds)))
    assert pairing_hints(
        SweepResults(imported(tmp_path / "cache", write(frame, tmp_path / "s.csv")))
    )
