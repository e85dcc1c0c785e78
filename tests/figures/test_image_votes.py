import pandas as pd

from analysis.figures.image_votes import LARGEST, image_confidence, image_votes, image_votes_info

RUNS = pd.DataFrame(
    {
        "variant_id": ["dense"] * 3 + ["int8-static"] * 2,
        "seed": [0, 1, 2, 0, 1],
        "prediction": [1, 1, 2, 0, 2],
        "confidence": [0.9, 0.8, 0.5, 0.4, 0.6],
        "correct": [True, True, False, False, False],
    }
)
NAMES = ["<b>ant</b>", "bee", "cat"]


def test_votes_are_counted_by_variant_with_the_true_class_first():
    info = image_votes_info(RUNS, 1)
    assert info.variant_ids == ("dense", "int8-static")
    assert info.class_ids == (1, 2, 0)
    assert info.votes.tolist() == [[2, 1, 0], [0, 1, 1]]
    assert info.n_runs.tolist() == [3, 2]


def test_a_true_class_without_votes_is_shown():
    assert image_votes_info(RUNS[RUNS["prediction"] != 1], 1).class_ids[0] == 1


def test_classes_beyond_the_largest_are_counted_and_not_drawn():
    many = pd.DataFrame(
        {"variant_id": "dense", "seed": range(20), "prediction": range(20), "confidence": 0.5}
    )
    info = image_votes_info(many, 3)
    assert len(info.class_ids) == LARGEST
    assert info.n_others == 20 - LARGEST
    drawn = image_votes(many, label=3, class_names=[str(i) for i in range(20)])
    assert "8 more classes" in drawn.layout.title.subtitle.text


def test_cells_say_how_many_runs_and_names_are_escaped():
    drawn = image_votes(RUNS, label=1, class_names=NAMES)
    (heat,) = drawn.data
    assert list(heat.text[0]) == ["2 of 3", "1 of 3", ""]
    assert drawn.layout.xaxis.ticktext[0] == "✓ bee"
    assert "<b>" not in drawn.layout.xaxis.ticktext[2]


def test_right_and_wrong_runs_differ_by_mark():
    drawn = image_confidence(RUNS, class_names=NAMES)
    right, wrong = drawn.data
    assert right.marker.symbol != wrong.marker.symbol
    assert list(right.x) == [0.9, 0.8]
    assert list(wrong.x) == [0.5, 0.4, 0.6]


def test_without_confidences_the_figure_says_so():
    drawn = image_confidence(RUNS.assign(confidence=float("nan")), class_names=NAMES)
    assert "No confidence" in drawn.layout.annotations[-1].text
