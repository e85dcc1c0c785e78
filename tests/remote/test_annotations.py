"""Studies in a cache on another machine: read, taken along, and not added to."""

import shutil

import pytest

from analysis.errors import UserError
from analysis.filesystem import location
from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.store import Cache
from tests.synthetic import make_sweep

VARIANT = "magnitude-0.90"


@pytest.fixture
def remote(tmp_path):
    """A remote sweep with a study of two answers, which were given on this machine."""
    here = make_sweep(tmp_path, n_images=80, seeds=2)
    study = start_study(SweepResults(here), VARIANT, size=20, seed=1)
    for image in here.annotations.read(study).images[:2]:
        here.annotations.annotate(study, "Ann", image, "none")
    root = location(f"memory://annotations-{tmp_path.name}")
    folder = make_sweep(root, n_images=80, seeds=2)
    file = here.path / "annotations" / "study-1.jsonl"
    (folder.path / "annotations" / "study-1.jsonl").upload(file)
    shutil.rmtree(tmp_path / "made")
    return folder


def test_a_study_is_read_and_verified_like_any_other(remote):
    assert remote.annotations.read("study-1").raters == ["Ann"]
    assert len(SweepResults(remote).annotations()) == 2
    assert remote.verify() == []


def test_nothing_is_added_and_the_words_say_what_to_do(remote):
    image = remote.annotations.read("study-1").images[0]
    for add in (
        lambda: remote.annotations.annotate("study-1", "Ann", image, "none"),
        lambda: remote.annotations.undo("study-1", "Ann"),
        lambda: start_study(SweepResults(remote), VARIANT, size=20),
    ):
        with pytest.raises(UserError, match="Copy the sweep to this machine"):
            add()
    assert len(remote.annotations.read("study-1").answers("Ann")) == 2


def test_studies_go_along_with_a_rename_and_stay_behind_a_removal(remote):
    cache = Cache(remote.path.parent)
    cache.rename("made", "other")
    assert cache.sweep("other").annotations.read("study-1").raters == ["Ann"]
    kept = cache.remove("other")
    assert str(kept).endswith("other/annotations")
    assert cache.names() == []
    assert list(cache.sweep("other").sizes()) == ["annotations/study-1.jsonl"]
