"""What a study asks of its raters: texts, categories of its own, practice, links, comments."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.cli.main import main
from analysis.errors import UserError
from analysis.figures.human_shares import human_shares
from analysis.results import SweepResults
from analysis.results.annotations import Excess, human_labels
from analysis.results.annotations import shares as make_shares
from analysis.results.studies import is_of, start_study
from analysis.schema import CATEGORIES, KEYS, Category
from analysis.store import sealing
from analysis.store.protocol import Protocol, categories_from, plain_text
from analysis.store.study import MAX_COMMENT, comment_text
from tests.synthetic import make_sweep

VARIANT = "magnitude-0.90"
OWN = (
    Category("wrong", "Wrong <b>label</b>", "It is of another class"),
    Category("blurred", "=Blurred", ""),
    Category("clear", "Clear", ""),
)


@pytest.fixture
def folder(tmp_path):
    return make_sweep(tmp_path)


def begun(folder, protocol=None, practice=0, **more):
    return start_study(
        SweepResults(folder), VARIANT, size=20, seed=1, protocol=protocol, practice=practice, **more
    )


def lines(folder, study="study-1"):
    path = folder.path / "annotations" / f"{study}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# --- what is written down -----------------------------------------------------------------------
def test_a_study_without_a_protocol_is_written_as_ever(folder):
    begun(folder)
    (design,) = lines(folder)
    assert not {"instructions", "consent", "categories", "practice", "protocol"} & design.keys()
    assert folder.annotations.read("study-1").design.protocol == Protocol()


def test_what_a_study_says_is_read_as_it_was_written(folder):
    protocol = Protocol("Look.\n<b>Well</b>", "I agree", OWN)
    name = begun(folder, protocol, practice=4)
    read = folder.annotations.read(name).design.protocol
    assert (read.instructions, read.consent) == (protocol.instructions, protocol.consent)
    assert tuple(read.categories) == OWN
    label = SweepResults(folder).label
    assert len(read.practice) == 4
    assert all(label[image] == its_label for image, its_label in read.practice.items())


def test_keys_of_a_later_version_are_passed_over_in_every_line(folder):
    name = begun(folder, Protocol(consent="yes?"))
    image = folder.annotations.read(name).images[0]
    kept = folder.annotations
    kept.invite(name, "Ann")
    kept.consent(name, "Ann")
    kept.annotate(name, "Ann", image, "none", "why")
    before = kept.read(name)
    path = folder.path / "annotations" / f"{name}.jsonl"
    path.write_text(
        "".join(
            json.dumps(sealing.sealed(one | {"of_later": [1]})) + "\n" for one in lines(folder)
        ),
        encoding="utf-8",
    )
    after = kept.read(name)
    assert after == before
    assert folder.verify() == []


@pytest.mark.parametrize(
    "more",
    [
        {"categories": []},
        {"categories": [{"key": "a b", "name": "x"}, {"key": "b", "name": "y"}]},
        {"categories": [{"name": "x"}]},
        {"categories": "abc"},
        {"practice": [[0]]},
        {"practice": 7},
    ],
)
def test_a_protocol_that_cannot_be_is_a_damaged_design(folder, more):
    begun(folder)
    path = folder.path / "annotations" / "study-1.jsonl"
    first = {key: value for key, value in lines(folder)[0].items() if key != sealing.KEY}
    path.write_text(json.dumps(first | more) + "\n", encoding="utf-8")
    (problem,) = [one for one in folder.verify() if "study-1" in one]
    assert "does not list the drawn images" in problem


# --- categories ---------------------------------------------------------------------------------
def test_categories_are_read_a_line_each():
    made = categories_from("wrong = Wrong label | Another class\n\n  clear=Clear \n")
    assert made == (
        Category("wrong", "Wrong label", "Another class"),
        Category("clear", "Clear", ""),
    )
    assert categories_from(" \n") == CATEGORIES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one = One", "1 categories: expected 2 to 10"),
        ("\n".join(f"k{i} = K" for i in range(11)), "11 categories"),
        ("a = A\na = B", "twice"),
        ("a = A\nb", "expected KEY = NAME"),
        ("a = A\nb = ", "expected KEY = NAME"),
        ("a = A\nno-majority = B", "no-majority"),
        ("a = A\nB! = B", "small letters"),
        (f"a = A\nb = {'x' * 61}", "at most 60"),
        ("a = A\nb = B\u202ec", "visible characters"),
        (f"a = A\nb = B | {'x' * 201}", "at most 200"),
    ],
)
def test_categories_that_cannot_be_told_apart_are_refused(text, words):
    with pytest.raises(UserError, match=words):
        categories_from(text)


def test_tables_figure_and_metadata_are_of_the_own_categories(folder, capsys):
    name = begun(folder, Protocol(categories=OWN))
    kept, study = folder.annotations, folder.annotations.read(name)
    for i, image in enumerate(study.images):
        kept.annotate(name, "Ann", image, OWN[i % 3].key)
        kept.annotate(name, "Bo", image, OWN[i % 3 if i % 5 else 0].key)
    results = SweepResults(folder)
    pie = results.images(VARIANT)["is_pie"].to_numpy()
    known = Excess(pie.astype(float), pie, results.aa_pies(), results.label)
    shares = make_shares([kept.read(name)], lambda _: known)
    pd.testing.assert_frame_equal(
        results.annotation_shares().filter(regex="^(pie|aa|category|q)"),
        shares.filter(regex="^(pie|aa|category|q)"),
    )
    assert shares["category"].tolist() == ["wrong", "blurred", "clear", "no-majority"]
    assert shares["category_name"].tolist()[:3] == [one.name for one in OWN]
    assert np.isclose(shares["pie_share"].sum(), 1)
    assert shares["added_share"].notna().any()
    assert np.isclose(shares["added_share"].sum(), 1)
    assert results.annotation_agreement()["coefficient"].notna().all()
    assert set(human_labels(kept.read(name))["human"]) <= {one.key for one in OWN}
    drawn = human_shares(shares)
    assert "Wrong &lt;b&gt;" in " ".join(drawn.layout.yaxis.ticktext)
    assert "<b>label" not in str(drawn.to_dict())
    cache = str(folder.path.parent)
    assert main(["export", "made", "annotation-shares", "--cache", cache]) == 0
    assert "'=Blurred" in capsys.readouterr().out


def test_an_answer_of_the_papers_categories_is_none_of_a_study_with_its_own(folder):
    name = begun(folder, Protocol(categories=OWN))
    image = folder.annotations.read(name).images[0]
    folder.annotations.annotate(name, "Ann", image, KEYS[0])
    assert folder.annotations.read(name).raters == []


# --- practice -----------------------------------------------------------------------------------
def test_practice_is_of_other_images_and_counts_for_nothing(folder):
    name = begun(folder, practice=5)
    kept, study = folder.annotations, folder.annotations.read(name)
    practice = list(study.design.protocol.practice)
    assert len(practice) == 5
    assert not set(practice) & set(study.images)
    for image in practice:
        kept.annotate(name, "Ann", image, KEYS[0])
    study = kept.read(name)
    assert study.raters == []
    assert list(study.practice_of("Ann")) == practice
    assert SweepResults(folder).annotations().empty
    assert folder.verify() == []
    assert kept.undo(name, "Ann") == practice[-1]
    assert list(kept.read(name).practice_of("Ann")) == practice[:-1]
    kept.annotate(name, "Ann", study.images[0], KEYS[0])
    assert kept.undo(name, "Ann") == study.images[0]


def test_practice_is_the_same_for_the_same_seed_and_of_no_more_than_there_is(folder):
    names = [begun(folder, practice=5) for _ in range(2)]
    first, second = (folder.annotations.read(one).design.protocol.practice for one in names)
    assert first == second
    with pytest.raises(UserError, match="practice 21: expected 0 to 20"):
        begun(folder, practice=21)


# --- texts --------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["x" * 5_001, "bell\x07", "left\u202eright"])
def test_texts_that_cannot_be_shown_are_refused(folder, text):
    with pytest.raises(UserError, match="instructions: expected"):
        begun(folder, Protocol(instructions=text))
    with pytest.raises(UserError, match="consent: expected"):
        begun(folder, Protocol(consent=text))
    assert folder.annotations.names() == []


def test_a_text_keeps_its_lines():
    assert plain_text("x", " a \r\n\r\n\tb \n") == "a\n\n\tb"


def test_a_comment_is_one_line_that_can_be_seen():
    assert comment_text(" two\nlines\x00 \u202e end ") == "two lines end"
    assert len(comment_text("x" * 2_000)) == MAX_COMMENT


# --- links and consent --------------------------------------------------------------------------
def test_a_link_is_of_one_rater_cannot_be_guessed_and_stays(folder):
    name = begun(folder)
    kept = folder.annotations
    ann, bo = kept.invite(name, "Ann"), kept.invite(name, "Bo")
    assert ann != bo
    assert kept.invite(name, " ANN ") == ann
    assert min(len(ann), len(bo)) >= 32
    study = kept.read(name)
    assert (study.invited(ann), study.invited(bo)) == ("Ann", "Bo")
    for wrong in ("", "Ann", ann[:-1], ann + "x", "é"):
        assert study.invited(wrong) is None
    assert folder.verify() == []


def test_consent_is_written_once_with_its_time(folder):
    name = begun(folder, Protocol(consent="I agree"))
    kept = folder.annotations
    kept.consent(name, "Ann")
    kept.consent(name, "Ann")
    (line,) = [one for one in lines(folder) if one["kind"] == "consent"]
    assert kept.read(name).consents == {"Ann": line["time"]}


def test_a_comment_stands_beside_its_answer(folder, capsys):
    name = begun(folder)
    image = folder.annotations.read(name).images[0]
    folder.annotations.annotate(name, "Ann", image, KEYS[0], "=1+1 <b>")
    assert SweepResults(folder).annotations()["comment"].tolist() == ["=1+1 <b>"]
    main(["export", "made", "annotations", "--cache", str(folder.path.parent)])
    assert capsys.readouterr().out.splitlines()[1].endswith(",'=1+1 <b>")


def test_practice_of_other_images_makes_a_study_one_of_others(folder):
    name = begun(folder, practice=2)
    results, study = SweepResults(folder), folder.annotations.read(name)
    assert is_of(results, study)
    image, label = next(iter(study.design.protocol.practice.items()))
    study.design.protocol.practice[image] = label + 1
    assert not is_of(results, study)
