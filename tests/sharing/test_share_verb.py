import zipfile
from pathlib import Path

import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.export import formats
from analysis.results import SweepResults
from tests.sharing.conftest import VARIANT


def shared(
    capsys: pytest.CaptureFixture[str], results: SweepResults, *arguments: str
) -> tuple[int, str, str]:
    cache = str(results.folder.path.parent)
    status = main(["share", "made", *arguments, "--cache", cache])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("name", formats())
def test_every_format_is_written(
    capsys: pytest.CaptureFixture[str], plain: SweepResults, tmp_path: Path, name: str
) -> None:
    out = tmp_path / f"out{formats()[name].suffix}"
    status, said, _ = shared(capsys, plain, name, "--limit", "5", "--out", str(out))
    assert status == 0
    assert "5 images of magnitude-0.90 (PIEs, the first 5 of" in said
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_kind_and_class_choose_and_the_order_is_that_of_the_pies(
    capsys: pytest.CaptureFixture[str], plain: SweepResults, tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"
    arguments = ("--kind", "forgotten", "--class", "bee", "--class", "cat", "--variant", VARIANT)
    assert shared(capsys, plain, "zip", *arguments, "--out", str(out))[0] == 0
    with zipfile.ZipFile(out) as archive:
        table = pd.read_csv(archive.open("images.csv"))
        assert "PIEs, kind forgotten, class bee or cat" in archive.read("README.txt").decode()
    pies = plain.pies(VARIANT)
    expected = pies[(pies["kind"] == "forgotten") & pies["label"].isin([1, 2])]
    assert table["image_id"].tolist() == expected["image_id"].tolist()


def test_images_are_taken_in_the_order_named(
    capsys: pytest.CaptureFixture[str], plain: SweepResults, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert shared(capsys, plain, "zip", "--images", "9,2,5", "--out", str(out))[0] == 0
    assert pd.read_csv(out / "images.csv")["image_id"].tolist() == [9, 2, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zip", "--variant", "nope"], "nope"),
        (["zip", "--variant", "dense"], "'dense' cannot be compared with dense"),
        (["zip", "--class", "fox"], "no class 'fox'; expected ant, bee"),
        (["zip", "--images", "1,x"], "expected image ids such as"),
        (["zip", "--images", "99999999999999999999"], "expected image ids such as"),
        (["zip", "--images", "120"], "image 120 is not among the 120 test images"),
        (["zip", "--images", "1", "--kind", "forgotten"], "leave --population"),
        (["zip", "--limit", "0"], "--limit 0"),
        (["zip", "--population", "non-pies", "--kind", "changed"], "has no image for"),
        (["contact-sheet-png", "--out", "sheet.pdf"], "ends in .png"),
        (["zip", "--out", "there/is/none.zip"], "does not exist"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_nothing_written(
    capsys: pytest.CaptureFixture[str],
    plain: SweepResults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    out = [] if "--out" in arguments else ["--out", "out.zip"]
    status, said, error = shared(capsys, plain, *arguments, *out)
    assert (status, said) == (2, "")
    assert message in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())
