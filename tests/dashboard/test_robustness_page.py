import numpy as np
import pytest

from tests.dashboard.test_pages import open_page, told  # noqa: F401
from tests.synthetic import make_sweep

# The first words under the heading say what a shift is, with shifts and without.
ABOUT = "A shift is another set of images"


def words(app):
    return " ".join(element.value for element in app.markdown)


def test_a_sweep_without_shifts_says_what_they_are_and_how_to_make_them(
    tmp_path, open_page  # noqa: F811
):  # fmt: skip
    folder = make_sweep(tmp_path)
    manifest = folder.manifest()
    manifest.config.options = {"dataset": "digits", "model": "tiny_cnn", "training": {}}
    folder.write_manifest(manifest)
    app = open_page("robustness")
    assert not app.error
    assert ABOUT in words(app)
    assert "nothing is trained again" in words(app)
    assert app.code[0].value == (
        f"python -m analysis sweep --cache {tmp_path} --name made --dataset digits "
        "--model tiny_cnn --variants "
        "magnitude=0.50 --variants magnitude=0.90 --variants int8-static --seeds 6 "
        "--corruptions all"
    )
    assert "--shift" in app.code[1].value


def test_with_shifts_both_signs_are_counted_and_one_shift_is_chosen(
    tmp_path, open_page  # noqa: F811
):  # fmt: skip
    make_sweep(tmp_path, n_images=900, shifts=("fog-3", "snow-1"))
    app = open_page("robustness")
    assert not app.error
    assert ABOUT in words(app)
    assert "less in" in words(app)
    assert "more in" in words(app)
    assert "q ≤ 0.05" in words(app)
    assert app.selectbox(key="local-shift").options == ["fog-3", "snow-1"]
    app.selectbox(key="local-metric").set_value("top5").run()
    assert not app.exception
    app.selectbox(key="local-shift").set_value("snow-1").run()
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize(
    ("seeds", "message"),
    [(1, "No model is right on significantly"), (4, "No variant differs significantly")],
)
def test_it_is_said_plainly_when_nothing_is_significant(
    tmp_path, open_page, monkeypatch, seeds, message  # noqa: F811
):  # fmt: skip
    from analysis.results import shifts

    monkeypatch.setattr(
        shifts,
        "with_q",
        lambda table: table.assign(p=table["p"].where(table["p"].isna(), 0.6), q=np.nan),
    )
    make_sweep(tmp_path, n_images=60, seeds=seeds, shifts=("fog-3",))
    app = open_page("robustness")
    assert message in words(app)
    assert not app.error


def test_runs_that_failed_on_a_shift_are_told(tmp_path, open_page):  # noqa: F811
    folder = make_sweep(tmp_path, n_images=60, shifts=("fog-3",))
    manifest = folder.manifest()
    manifest.shift("fog-3").failed["dense/seed-1"] = "its weights are gone"
    folder.write_manifest(manifest)
    assert "its weights are gone" in told(open_page("robustness"))


def test_a_missing_file_of_a_shift_is_told_once(tmp_path, open_page):  # noqa: F811
    folder = make_sweep(tmp_path, n_images=60, shifts=("fog-3",))
    folder.prediction_path("dense", 2, shift="fog-3").unlink()
    app = open_page("robustness")
    assert len(app.error) == 1
    assert "is missing" in app.error[0].value


def test_the_figure_can_be_exported_where_there_are_shifts(tmp_path, open_page):  # noqa: F811
    make_sweep(tmp_path, n_images=60, shifts=("fog-3",))
    app = open_page("export")
    assert "Robustness, top1" in app.selectbox(key="export-figure").options
    app.selectbox(key="export-figure").set_value("Robustness, top1").run()
    assert not app.exception
    assert not app.error
