"""One pair of models by value of the metadata: the table, its correction, and its sentences."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, false_discovery_control

from analysis import schema
from analysis.figures.attribute_pairs import LARGEST, attribute_pairs, sign_of
from analysis.presentation.attribute_findings import of_attribute_pairs, of_risks
from analysis.stats.attribute_pairs import attribute_pairs as rows_of
from analysis.stats.attribute_pairs import corrected
from analysis.stats.pairs import pair

N = 400


def drawn(seed, *, harm):
    """Two models and a binary attribute whose images with value 1 the second one forgets."""
    generator = np.random.default_rng(seed)
    code = generator.integers(0, 2, N)
    dense = generator.random(N) < 0.9
    variant = dense & ~((code == 1) & (generator.random(N) < harm))
    return code, dense, variant


def test_each_value_is_the_pair_on_its_images():
    code, dense, variant = drawn(0, harm=0.2)
    code[:7] = -1
    rows = rows_of("int8", "blur", ["no", "yes"], code, dense, variant)
    assert list(rows.columns) == list(schema.ATTRIBUTE_PAIRS_COLUMNS)
    for place, row in enumerate(rows.to_dict("records")):
        here = code == place
        expected = pair(dense[here], variant[here])
        assert row["n_images"] == here.sum()
        assert row["top1"] - row["dense_top1"] == pytest.approx(row["top1_delta"])
        assert (row["ci_low"], row["ci_high"]) == (expected.low, expected.high)
        lost, won = (dense & ~variant & here).sum(), (variant & ~dense & here).sum()
        exact = binomtest(int(lost), int(lost + won)).pvalue if lost + won else 1.0
        assert row["mcnemar_p"] == pytest.approx(exact)
    assert rows["n_images"].sum() == N - 7


def test_q_is_over_the_values_of_a_variant_and_passes_over_values_without_images():
    frames = []
    for seed in range(6):
        code, dense, variant = drawn(seed, harm=0.1)
        frames.append(rows_of(f"v{seed % 2}", f"a{seed}", ["0", "1", "none"], code, dense, variant))
    rows = corrected(pd.concat(frames, ignore_index=True))
    assert rows.loc[rows["value"] == "none", ["top1", "mcnemar_p", "mcnemar_q"]].isna().all().all()
    for _, part in rows[rows["mcnemar_p"].notna()].groupby("variant_id"):
        np.testing.assert_allclose(part["mcnemar_q"], false_discovery_control(part["mcnemar_p"]))
    assert corrected(rows.head(0)).empty


def test_both_signs_are_named_and_nothing_is_said_plainly():
    code, dense, variant = drawn(1, harm=0.3)
    lost = rows_of("int8", "blur", ["no", "yes"], code, dense, variant)
    gained = rows_of("int8", "pose", ["no", "yes"], code, variant, dense)
    rows = corrected(pd.concat([lost, gained], ignore_index=True))
    assert sign_of(rows).tolist() == ["not significant", "lost", "not significant", "gained"]
    said = of_attribute_pairs(rows)
    assert "Accuracy changed on 2 out of 4 values of 2 attributes" in said
    assert "1 lost (“blur = yes”" in said
    assert "1 gained (“pose = yes”" in said
    same = corrected(rows_of("int8", "blur", ["no", "yes"], code, dense, dense))
    assert of_attribute_pairs(same).startswith("Nothing is significant: accuracy changed on none")
    assert "no proof" in of_attribute_pairs(same)
    assert of_attribute_pairs(same.head(0)) == ""


def test_values_against_seed_noise_in_a_sentence():
    rows = pd.DataFrame(
        {
            "attribute": "blur",
            "value": ["a", "b", "c"],
            "risk_difference": [0.15, -0.05, -0.2],
            "risk_difference_low": [0.1, -0.2, -0.3],
            "risk_difference_high": [0.2, 0.1, -0.1],
            "contrast": [0.3, 0.0, -0.2],
            "contrast_q": [0.01, 0.9, 0.04],
        }
    )
    said = of_risks(rows)
    assert said.startswith("Compression makes images of 1 of 3 values likelier to be PIEs")
    assert "“blur = a”" in said
    assert "of 1 less likely" in said
    assert "1 are hit harder" in said
    assert "and 1 less (contrast" in said
    nothing = of_risks(rows.iloc[[1]])
    assert nothing.startswith(
        "None of 1 value has significantly more or fewer PIEs than seeds make"
    )
    assert "No value is hit significantly harder" in nothing
    assert of_risks(rows.assign(risk_difference_low=None)) == ""


def test_the_figure_has_a_row_a_value_of_both_signs_and_takes_one_variant():
    code, dense, variant = drawn(1, harm=0.3)
    lost = rows_of("int8", "<b>", ["no", "yes"], code, dense, variant)
    gained = rows_of("int8", "pose", ["no", "yes"], code, variant, dense)
    rows = corrected(pd.concat([lost, gained], ignore_index=True))
    figure = attribute_pairs(rows)
    assert [trace.name for trace in figure.data] == ["lost", "gained", "not significant"]
    assert figure.data[0].customdata[0][:3] == ["<b>", "yes", "&lt;b&gt;"]
    with pytest.raises(ValueError, match="one variant"):
        attribute_pairs(rows.assign(variant_id=["a", "b", "a", "b"]))
    many = pd.concat([rows] * 30, ignore_index=True)
    assert sum(len(trace.x) for trace in attribute_pairs(many).data) == LARGEST
    assert "Nothing to show" in str(attribute_pairs(rows.head(0)).layout.annotations)
