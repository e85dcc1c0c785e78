"""The same predictions from every format make the same tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import schema
from analysis.outputs.prediction import prediction_table
from analysis.results import SweepResults
from tests.importing.drawn import (
    COLUMNS,
    NAMES,
    RUNS,
    N,
    imported,
    labels,
    logits,
    named,
    predictions,
    softmax,
    table,
    write,
    write_scores,
    write_text,
)

FILES = [
    "t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.jsonl", "t.ndjson", "t.json", "t.jsonl.gz",
]  # fmt: skip


def truth() -> pd.DataFrame:
    return (
        table()
        .sort_values(["variant_id", "seed", "image_id"], ignore_index=True)
        .astype({"confidence": np.float32, "true_confidence": np.float32})
    )


def check(found: pd.DataFrame, columns: list[str] = COLUMNS) -> None:
    expected = truth()
    pd.testing.assert_frame_equal(
        found.sort_values(["variant_id", "seed", "image_id"], ignore_index=True)[columns],
        expected[columns],
        check_dtype=False,
        rtol=1e-6,
    )


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("as_names", [False, True])
def test_every_format_reads_back_what_was_written(
    tmp_path: Path, name: str, as_names: bool
) -> None:
    frame = named(table()) if as_names else table()
    folder = imported(tmp_path / "cache", write(frame, tmp_path / name))
    manifest = folder.manifest()
    assert manifest.class_names == (list(NAMES) if as_names else list("01234"))
    assert [v.variant_id for v in manifest.variants] == ["dense", "magnitude-0.90"]
    assert manifest.variant("magnitude-0.90").target_sparsity == 0.9
    assert manifest.is_complete
    assert folder.verify() == []
    check(predictions(folder))
    images = folder.read_images()
    assert images[schema.LABEL].to_pylist() == labels().tolist()
    assert images[schema.IMAGE].null_count == N


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_scores_make_the_columns_of_every_other_run(tmp_path: Path, kind: str) -> None:
    files = write_scores(tmp_path / "npz", kind=kind)
    folder = imported(tmp_path / "cache", *files)
    check(predictions(folder))
    for variant, seed in RUNS:
        ours = pq.read_table(folder.prediction_path(variant, seed)).replace_schema_metadata(None)
        expected = prediction_table(logits(variant, seed), labels())
        assert ours.schema.equals(expected.schema)
        for column in (schema.EL2N, schema.TRUE_CONFIDENCE):
            np.testing.assert_allclose(ours[column], expected[column], rtol=2e-6)
        assert ours[schema.KL_FROM_DENSE].null_count == N


def _is_of_ties(column: str) -> bool:
    return "tied_scores" in column or "score_tied" in column


def test_tables_of_three_formats_are_the_same_bytes_of_results(tmp_path: Path) -> None:
    sources = {
        "a": [write(table(), tmp_path / "t.csv")],
        "b": [write(table(), tmp_path / "t.parquet")],
        "c": write_scores(tmp_path / "npz"),
    }
    found = [
        SweepResults(imported(tmp_path / "cache", *files, name=name))
        for name, files in sources.items()
    ]
    for make in ("runs", "images", "pies", "classes", "summary", "curves"):
        tables = [getattr(one, make)() for one in found]
        # Scores also say EL2N, margin and ties, which no column of a table brings.
        of_scores = ("dense_el2n", "margin")
        same = [c for c in tables[0].columns if c not in of_scores and not _is_of_ties(c)]
        pd.testing.assert_frame_equal(tables[0][same], tables[1][same], check_exact=True)
        pd.testing.assert_frame_equal(tables[0][same], tables[2][same], rtol=1e-5, atol=1e-6)


def test_runs_spread_over_files_and_patterns_come_together(tmp_path: Path) -> None:
    frame = table()
    for part in range(3):
        write(frame[part::3], tmp_path / f"part-{part}.csv")
    check(predictions(imported(tmp_path / "cache", str(tmp_path / "part-*.csv"))))


@pytest.mark.parametrize(
    ("suffix", "change"),
    [
        ("bom", lambda text: "\ufeff" + text),
        ("semicolon", lambda text: text.replace(",", ";")),
        ("windows", lambda text: text.replace("\n", "\r\n")),
        ("spaces", lambda text: text.replace(",", " , ")),
        ("quoted", lambda text: text.replace("dense", '"dense"')),
    ],
)
def test_csv_as_programs_write_it(tmp_path: Path, suffix: str, change: object) -> None:
    text = change(table().to_csv(index=False))  # type: ignore[operator]
    folder = imported(tmp_path / "cache", write_text(tmp_path / f"{suffix}.csv", text))
    check(predictions(folder))


def test_a_quoted_line_break_in_a_class_name_is_part_of_it(tmp_path: Path) -> None:
    frame = named(table()).replace("ant", "ant\nhill")
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"))
    assert folder.manifest().class_names[0] == "ant\nhill"


def test_whole_floats_are_class_ids(tmp_path: Path) -> None:
    frame = table().astype({"label": float, "prediction": float, "image_id": float, "seed": float})
    for name in ("t.csv", "t.parquet"):
        check(predictions(imported(tmp_path / "cache", write(frame, tmp_path / name), name=name)))


def test_codes_narrow_types_and_booleans_of_parquet(tmp_path: Path) -> None:
    frame = named(table()).astype({"label": "category", "prediction": "category"})
    frame = frame.astype({"image_id": np.uint16, "seed": np.int8, "variant_id": "category"})
    check(predictions(imported(tmp_path / "cache", write(frame, tmp_path / "t.parquet"))))
    frame = table()[["image_id", "seed", "variant_id"]].assign(label=True, prediction=False)
    frame.loc[frame["image_id"] == 0, "label"] = False
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "b.parquet"), name="b")
    assert folder.manifest().class_names == ["False", "True"]


def test_method_and_target_sparsity_make_the_variant(tmp_path: Path) -> None:
    frame = table()
    frame["method"] = frame["variant_id"].str.partition("-")[0]
    frame["target_sparsity"] = np.where(frame["method"] == "dense", 0, 0.9).astype(np.float32)
    frame = frame.drop(columns="variant_id")
    for name in ("t.csv", "t.parquet", "t.jsonl"):
        folder = imported(tmp_path / "cache", write(frame, tmp_path / name), name=name)
        check(predictions(folder))


def test_columns_are_renamed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = table().rename(columns={"label": "truth", "prediction": "pred"}).assign(label="other")
    options = ("--map", "label=truth", "--map", "prediction=pred")
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"), options=options)
    check(predictions(folder))
    assert "columns of t.csv that are ignored: label" in capsys.readouterr().out


def test_parts_of_npz_are_renamed(tmp_path: Path) -> None:
    for variant, seed in RUNS:
        np.savez_compressed(
            tmp_path / f"{variant}__seed-{seed}.npz",
            arr_0=softmax(logits(variant, seed)).astype(np.float32),
            y=np.array(NAMES)[labels()],
        )
    classes = write_text(tmp_path / "classes.txt", "\n".join(NAMES))
    options = ("--map", "probabilities=arr_0", "--map", "labels=y", "--classes", classes)
    folder = imported(tmp_path / "cache", str(tmp_path / "*.npz"), options=options)
    assert folder.manifest().class_names == list(NAMES)
    check(predictions(folder), ["prediction", "true_rank"])


def test_what_was_not_brought_is_null(tmp_path: Path) -> None:
    frame = table()[["image_id", "label", "seed", "variant_id", "prediction"]]
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"))
    found = pq.read_table(folder.prediction_path("dense", 0))
    for column in ("confidence", "true_confidence", "true_rank", "kl_from_dense", "el2n"):
        assert found[column].null_count == N
    results = SweepResults(folder)
    assert results.summary()["top5_mean"].isna().all()
    assert results.runs()["ece"].isna().all()


def test_some_values_that_are_missing_stay_null(tmp_path: Path) -> None:
    frame = table(shuffled=False)
    frame.loc[3, ["confidence", "true_rank"]] = None
    for name in ("t.csv", "t.parquet"):
        folder = imported(tmp_path / "cache", write(frame, tmp_path / name), name=name)
        found = pq.read_table(folder.prediction_path("dense", 0))
        assert found["confidence"].null_count == found["true_rank"].null_count == 1
        assert not found["confidence"][3].is_valid


def test_a_missing_seed_is_taken_as_0_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table(tuple(run for run in RUNS if run[1] == 0)).drop(columns="seed")
    folder = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"))
    assert folder.manifest().seeds == [0]
    assert "its runs have seed 0" in capsys.readouterr().out


def test_levels_are_written_as_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table().replace("magnitude-0.90", "magnitude-0.9")
    check(predictions(imported(tmp_path / "cache", write(frame, tmp_path / "t.csv"))))
    assert "magnitude-0.9 is stored as magnitude-0.90" in capsys.readouterr().out


def test_variants_of_other_peoples_names(tmp_path: Path) -> None:
    frame = table().replace("magnitude-0.90", "ResNet50_int8.v2")
    record = imported(tmp_path / "cache", write(frame, tmp_path / "t.csv")).manifest().variants[1]
    assert (record.variant_id, record.target_sparsity) == ("ResNet50_int8.v2", None)


def test_a_table_without_a_row_group_in_order_is_read_by_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pandas(table(), preserve_index=False), path, row_group_size=7)
    check(predictions(imported(tmp_path / "cache", str(path))))
