"""``export`` of the tables beyond the contract, and its options."""

import io

import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.results import CONTRACT_TABLES, TABLES, load_sweep
from analysis.store import SweepFolder
from tests.synthetic import make_sweep


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return make_sweep(tmp_path_factory.mktemp("cache"), n_images=80, seeds=3)


def exported(
    capsys: pytest.CaptureFixture[str], made: SweepFolder, *arguments: str
) -> tuple[int, str, str]:
    status = main(["export", "made", *arguments, "--cache", str(made.path.parent)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    "table", [one for one in TABLES if one not in {*CONTRACT_TABLES, "layers"}]
)
def test_every_table_is_what_python_gives(
    capsys: pytest.CaptureFixture[str], made: SweepFolder, table: str
) -> None:
    status, out, _ = exported(capsys, made, table, "--variant", "magnitude-0.90")
    expected = load_sweep("made", cache=made.path.parent).table(table, "magnitude-0.90")
    assert status == 0
    assert out.splitlines()[0] == ",".join(expected.columns)
    assert len(out.splitlines()) == 1 + len(expected)


def test_the_tie_rule_reaches_every_table(
    capsys: pytest.CaptureFixture[str], made: SweepFolder
) -> None:
    tables = {
        exported(capsys, made, "stability", "--ties", ties)[1]
        for ties in ("confidence", "reference", "exclude")
    }
    assert len(tables) == 3


def test_attributes_and_the_positive_class_can_be_chosen(
    capsys: pytest.CaptureFixture[str], made: SweepFolder
) -> None:
    _, out, _ = exported(capsys, made, "subgroups", "--by", "planted", "--positive", "bee")
    table = pd.read_csv(io.StringIO(out))
    assert set(table["class_name"]) == {"bee"}
    assert set(table["attribute"]) == {"planted"}
    _, out, _ = exported(capsys, made, "attributes", "--by", "meta_planted")
    assert set(pd.read_csv(io.StringIO(out))["value"]) == {"blur", "none"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["summary", "--by", "planted"],
            "--by goes with attributes, attribute-deciles, attribute-pairs, numeric-attributes, ",
        ),
        (["attributes", "--positive", "bee"], "--positive goes with subgroups"),
        (["attribute-pairs", "--by", "planted,age"], "attribute-pairs takes one attribute"),
        (["attributes", "--by", "planted,age"], "no attribute 'age'; it has planted"),
        (["subgroups", "--by", "planted,age"], "no attribute 'age'; it has planted"),
        (["subgroups", "--positive", "fox"], "no class 'fox'"),
    ],
)
def test_a_wrong_option_is_told_in_a_line(
    capsys: pytest.CaptureFixture[str], made: SweepFolder, arguments: list[str], message: str
) -> None:
    status, out, err = exported(capsys, made, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
