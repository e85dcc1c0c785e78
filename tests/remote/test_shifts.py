"""Shifts at a URL, made by a cluster: the same bytes as in a folder, made by processes."""

import importlib.util
from pathlib import Path

import pytest

from analysis.config import parse_shifts, parse_variants
from analysis.filesystem import lock
from analysis.results import SweepResults
from analysis.shifts.parse import parse_corruptions
from analysis.store import Cache, SweepFolder
from analysis.sweep import shifts
from analysis.sweep.run import run_sweep
from tests.conftest import small_sweep

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the extra 'dask' is not installed"
)


def bytes_of(folder: SweepFolder) -> dict[str, bytes]:
    names = [name for name in folder.sizes() if name.startswith(("predictions/", "shifts/"))]
    return {name: (folder.path / name).read_bytes() for name in names}


@needs_dask
@pytest.mark.spawned
def test_a_cluster_at_a_url_gives_the_bytes_of_processes_in_a_folder(
    ftp_server: tuple[str, Path], tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_SETTLE", 0.1)
    workers = tmp_path / "workers"  # They have another temporary folder, as on another machine.
    workers.mkdir()
    monkeypatch.setenv("TMPDIR", str(workers))
    sweep = small_sweep(
        variants=parse_variants(["int8-static"]),
        seeds=1,
        shifts=(*parse_corruptions(["fog", "shot_noise=5"]), *parse_shifts(["same=digits"])),
    )
    there, here = Cache(f"{ftp_server[0]}/shifted"), Cache(tmp_path / "cache")
    run_sweep(sweep, there, n_workers=2, device="cpu", engine="dask")
    # Here the shifts come one by one, as many as there is room for.
    monkeypatch.setattr(shifts, "_BATCH_BYTES", 1)
    manifest = run_sweep(sweep, here, n_workers=1, device="cpu")
    assert manifest.n_shifted_done == 6
    expected = bytes_of(here.sweep("small"))
    assert len(expected) == 2 + 6 + 1
    assert bytes_of(there.sweep("small")) == expected
    for cache in (there, here):
        folder = cache.sweep("small")
        assert folder.verify() == []
        assert not [name for name in folder.sizes() if "shifted" in name]
        assert len(SweepResults(folder).robustness()) == 6
    assert not list(scratch.rglob("*.npy"))
    there.rename("small", "other")
    assert there.sweep("other").verify() == []
    assert bytes_of(there.sweep("other")) == expected
