"""The command line: exit status, one clear message, and tables as the contract says."""

import errno
import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.cli.main import build_parser, main
from analysis.results import CONTRACT_TABLES
from analysis.store import Cache, SweepFolder
from tests.synthetic import make_sweep

ROOT = Path(__file__).parent.parent


@pytest.fixture
def made(tmp_path: Path) -> SweepFolder:
    return make_sweep(tmp_path)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep"], "--dataset is missing"),
        (["sweep", "--dataset", "folder:/there/is/none"], "no such folder"),
        (["sweep", "--dataset", "nope"], "unknown kind"),
        (["sweep", "--dataset", "digits", "--variants", "magnitude=1.5"], "from 0 to 1"),
        (["sweep", "--dataset", "digits", "--variants", "magnitude=-0.1"], "from 0 to 1"),
        (["sweep", "--dataset", "digits", "--variants", "magnitude=90"], "did you mean 0.9"),
        (["sweep", "--dataset", "digits", "--variants", "magnitude=nan"], "is not a number"),
        (["sweep", "--dataset", "digits", "--variants", "magnitudo=0.5"], "unknown method"),
        (["sweep", "--dataset", "digits", "--seeds", "0"], "--seeds 0: expected at least 1"),
        (["sweep", "--dataset", "digits", "--epochs", "0"], "--epochs 0: only a model"),
        (["sweep", "--dataset", "digits", "--workers", "0"], "--workers 0"),
        (["sweep", "--dataset", "digits", "--name", "../x"], "sweep name '../x'"),
        (["sweep", "--config", "/there/is/none.toml"], "no such file"),
        (["show", "nope"], "no sweep 'nope'"),
        (["export", "nope", "runs"], "no sweep 'nope'"),
    ],
)
def test_a_mistake_gets_one_message_and_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    status, out, err = _run(capsys, *arguments, "--cache", str(tmp_path / "none"))
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) <= 2
    assert not (tmp_path / "none").exists()


def test_an_unknown_model_leaves_nothing_behind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, _, err = _run(
        capsys, "sweep", "--dataset", "digits", "--model", "resnet81", "--cache", str(tmp_path)
    )
    assert status == 2
    assert "timm has no model of that name" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("table", CONTRACT_TABLES)
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_every_table_is_the_same_in_every_format(
    capsys: pytest.CaptureFixture[str], made: SweepFolder, tmp_path: Path, table: str, suffix: str
) -> None:
    cache = str(made.path.parent)
    _, out, _ = _run(capsys, "export", "made", table, "--cache", cache)
    path = tmp_path / f"table{suffix}"
    status, nothing, _ = _run(capsys, "export", "made", table, "--cache", cache, "--out", str(path))
    assert (status, nothing) == (0, "")
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".json": pd.read_json}
    written, printed = readers[suffix](path), pd.read_csv(io.StringIO(out))
    assert list(written.columns) == list(printed.columns)
    assert len(written) == len(printed) > 0
    numbers = printed.select_dtypes("number").columns
    pd.testing.assert_frame_equal(
        written[numbers].astype(float), printed[numbers].astype(float), rtol=1e-12
    )


def test_one_variant_of_an_unknown_name_is_refused(
    capsys: pytest.CaptureFixture[str], made: SweepFolder
) -> None:
    status, _, err = _run(
        capsys, "export", "made", "pies", "--variant", "nope", "--cache", str(made.path.parent)
    )
    assert status == 2
    assert "no variant 'nope'; it has dense, magnitude-0.50" in err


def test_a_half_deleted_cache_gets_one_message_and_is_left_alone(
    capsys: pytest.CaptureFixture[str], made: SweepFolder
) -> None:
    gone = made.prediction_path("magnitude-0.90", 2)
    gone.unlink()
    status, _, err = _run(capsys, "export", "made", "summary", "--cache", str(made.path.parent))
    assert status == 3
    assert "seed-2.parquet is missing" in err
    status, out, _ = _run(capsys, "verify", "made", "--cache", str(made.path.parent))
    assert status == 1
    assert out == "missing: predictions/magnitude-0.90/seed-2.parquet\n"


def test_a_damaged_manifest_gets_one_message(
    capsys: pytest.CaptureFixture[str], made: SweepFolder
) -> None:
    (made.path / "manifest.json").write_text('{"schema_version": 1,')
    status, _, err = _run(capsys, "show", "made", "--cache", str(made.path.parent))
    assert status == 3
    assert "manifest.json is damaged" in err
    status, out, err = _run(capsys, "list", "--cache", str(made.path.parent))
    assert (status, out) == (0, "")
    assert "damaged" in err


def test_sweeps_are_listed_shown_renamed_and_removed(
    capsys: pytest.CaptureFixture[str], made: SweepFolder
) -> None:
    cache = str(made.path.parent)
    assert "made: 24 of 24 runs (complete)" in _run(capsys, "list", "--cache", cache)[1]
    assert "magnitude-0.90: 6 of 6 runs" in _run(capsys, "show", "made", "--cache", cache)[1]
    assert _run(capsys, "rename", "made", "other", "--cache", cache)[0] == 0
    assert _run(capsys, "verify", "other", "--cache", cache)[0] == 0
    assert _run(capsys, "remove", "other", "--cache", cache)[0] == 0
    assert "no sweep" in _run(capsys, "list", "--cache", cache)[1]


def test_a_config_file_gives_the_same_options(tmp_path: Path) -> None:
    from analysis.cli.sweep import read_config, sweep_from

    path = tmp_path / "sweep.toml"
    path.write_text(
        'dataset = "digits"\nvariants = ["magnitude=0.5"]\nseeds = 3\nbatch-size = 32\n'
    )
    parser = build_parser()
    options = parser.parse_args(["sweep", "--config", str(path), "--seeds", "4"])
    sweep = sweep_from(read_config(vars(options)))
    assert (sweep.seeds, sweep.training.batch_size, sweep.dataset) == (4, 32, "digits")
    assert [variant.variant_id for variant in sweep.variants] == ["dense", "magnitude-0.50"]


def test_listing_and_help_never_load_torch() -> None:
    code = (
        "import sys; from analysis.cli.main import main\n"
        "from analysis.compression.registry import methods; methods()\n"
        "main(['list', '--cache', 'nowhere'])\n"
        "assert not {'torch', 'timm', 'streamlit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_a_full_disk_gets_one_message_and_status_3(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("analysis.filesystem.atomic.os.fsync", full)
    status, _, err = _run(
        capsys, "sweep", "--dataset", "digits", "--epochs", "1", "--cache", str(tmp_path)
    )
    assert status == 3
    assert "images.parquet could not be written: No space left on device" in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.parquet"))
    assert not list(tmp_path.rglob(".tmp-*"))


def test_a_cache_that_cannot_be_written_gets_one_message(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    status, _, err = _run(
        capsys, "sweep", "--dataset", "digits", "--epochs", "1", "--cache", str(tmp_path / "file")
    )
    assert status == 3
    assert "cannot be written: Not a directory" in err


def test_two_sweeps_of_one_name_at_once_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with Cache(tmp_path).sweep("digits-tiny_cnn").locked():
        status, _, err = _run(
            capsys, "sweep", "--dataset", "digits", "--epochs", "1", "--cache", str(tmp_path)
        )
    assert status == 2
    assert "is being written by another process" in err


def test_a_fault_of_its_own_is_no_answer(
    made: SweepFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("somewhere")

    monkeypatch.setattr("analysis.cli.cache.run_list", broken)
    status, _, errors = _run(capsys, "list", "--cache", str(made.path.parent))
    assert status == 3
    assert errors.startswith("lethe: error: this is a fault of Lethe itself: KeyError")
    assert "Traceback" not in errors
    status, _, errors = _run(capsys, "list", "--cache", str(made.path.parent), "--verbose")
    assert status == 3
    assert "Traceback" in errors
