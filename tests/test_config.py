"""Variant ids, and what the command line's words for variants and sweeps mean."""

import math

import pytest

from analysis.config import (
    DENSE,
    Step,
    Sweep,
    Training,
    Variant,
    check_sweep_name,
    default_name,
    format_level,
    parse_variants,
)
from analysis.errors import UserError


@pytest.mark.parametrize(
    ("item", "variant_id"),
    [
        ("magnitude=0.9", "magnitude-0.90"),
        ("magnitude=.9", "magnitude-0.90"),
        ("magnitude=0.995", "magnitude-0.995"),
        ("magnitude=1", "magnitude-1.00"),
        ("magnitude=0.333333", "magnitude-0.333333"),
        ("int8-static", "int8-static"),
        ("magnitude=0.9+int8-static", "magnitude-0.90+int8-static"),
        ("a=0.3+b-c=0.25+int8-dynamic", "a-0.30+b-c-0.25+int8-dynamic"),
    ],
)
def test_variant_ids_are_spelled_as_the_contract_says(item, variant_id):
    assert parse_variants([item])[1].variant_id == variant_id


@pytest.mark.parametrize("level", [0.3, 0.5, 0.07, 0.995, 0.9999, 1 / 3, 1e-5])
def test_a_level_written_is_the_level_read(level):
    assert float(format_level(level)) == level


def test_dense_is_always_there_first_and_once():
    assert parse_variants([]) == (DENSE,)
    found = parse_variants(["int8-static", "dense", "dense"])
    assert [v.variant_id for v in found] == ["dense", "int8-static"]


def test_several_levels_make_several_variants_in_their_order():
    found = parse_variants(["magnitude=0.5,0.3", "magnitude=0.5"])
    assert [v.variant_id for v in found] == ["dense", "magnitude-0.50", "magnitude-0.30"]


def test_combining_levels_makes_every_combination():
    found = parse_variants(["magnitude=0.5,0.9+int8-static"])
    assert [v.variant_id for v in found[1:]] == [
        "magnitude-0.50+int8-static",
        "magnitude-0.90+int8-static",
    ]


def test_the_method_of_a_variant_leaves_the_levels_out():
    variant = Variant((Step("magnitude", 0.9), Step("int8-static")))
    assert variant.method == "magnitude+int8-static"
    assert not variant.is_dense
    assert DENSE.is_dense
    assert DENSE.method == "dense"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("magnitude=", "is not a number"),
        ("magnitude=high", "'high' is not a number"),
        ("magnitude=nan", "is not a number"),
        ("magnitude=90", "did you mean 0.9"),
        ("magnitude=-0.1", "from 0 to 1"),
        ("magnitude=inf", "from 0 to 1"),
        ("=0.5", "name is missing"),
        ("magnitude=0.5+", "name is missing"),
        ("", "name is missing"),
        ("Magnitude=0.5", "lower-case"),
        ("../magnitude=0.5", "lower-case"),
    ],
)
def test_a_variant_that_cannot_be_read_is_named_with_what_was_expected(item, said):
    with pytest.raises(UserError, match=r"variant") as caught:
        parse_variants([item])
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["digits-tiny_cnn", "A", "run.2+b", "x" * 100])
def test_names_that_can_be_folders_are_kept(name):
    assert check_sweep_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "a\\b", "-x", "ü", "x" * 101, "a\n"]
)
def test_names_that_cannot_be_folders_are_refused(name):
    with pytest.raises(UserError, match=r"sweep name"):
        check_sweep_name(name)


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("digits", "digits-tiny_cnn"),
        ("fashion-mnist:/data/fashion", "fashion-mnist-tiny_cnn"),
        ("folder:/data/My Photos/", "My-Photos-tiny_cnn"),
        ("folder:C:\\data\\birds", "birds-tiny_cnn"),
        ("hf:owner/birds", "birds-tiny_cnn"),
    ],
)
def test_a_sweep_is_called_after_dataset_and_model(dataset, name):
    assert default_name(dataset, "tiny_cnn") == name
    check_sweep_name(name)


def sweep(**changes):
    given = {
        "name": "s", "dataset": "digits", "model": "tiny_cnn", "variants": (DENSE,), "seeds": 3
    }  # fmt: skip
    return Sweep(**(given | changes))


def test_more_seeds_or_variants_change_no_option_a_result_depends_on():
    more = sweep(seeds=9, name="other", variants=parse_variants(["int8-static"]))
    assert more.options() == sweep().options()
    assert sweep(training=Training(lr=0.05)).options() != sweep().options()


@pytest.mark.parametrize("option", ["seeds", "image_size", "train_limit", "test_limit"])
def test_numbers_below_one_are_refused_by_the_name_of_their_option(option):
    with pytest.raises(UserError, match=f"--{option.replace('_', '-')} 0"):
        sweep(**{option: 0})


def test_a_sweep_without_dense_is_refused():
    with pytest.raises(UserError, match="dense"):
        sweep(variants=(Variant((Step("int8-static"),)),))


@pytest.mark.parametrize(
    "wrong",
    [{"lr": 0.0}, {"lr": math.inf}, {"epochs": -1}, {"batch_size": 1}, {"momentum": 1.0},
     {"prune_begin": 0.8, "prune_end": 0.5}, {"label_smoothing": 1.0}],
)  # fmt: skip
def test_training_options_out_of_range_are_refused_by_name(wrong):
    option = list(wrong)[-1].replace("_", "-")
    with pytest.raises(UserError, match=f"--{option}"):
        Training(**wrong)
