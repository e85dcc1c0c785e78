"""Studies of people: their file, what a kill leaves of it, and what becomes of it elsewhere."""

import json
import multiprocessing
import os
import shutil
import signal
import threading
import time

import numpy as np
import pyarrow as pa
import pytest

from analysis.cli.main import main
from analysis.errors import CacheError, RunError, UserError
from analysis.results import SweepResults
from analysis.results.studies import start_study, supply
from analysis.schema import AA_PIE, KEYS, NON_PIE, PIE
from analysis.store import Cache
from analysis.store.study import Withdrawal, rater_name
from analysis.sweep.merge import merge
from tests.synthetic import listed, make_sweep

VARIANT = "magnitude-0.90"


@pytest.fixture
def folder(tmp_path):
    return make_sweep(tmp_path)


@pytest.fixture
def study(folder):
    return start_study(SweepResults(folder), VARIANT, size=20, seed=1)


def file_of(folder, study="study-1"):
    return folder.path / "annotations" / f"{study}.jsonl"


# --- the design ---------------------------------------------------------------------------------
def test_a_study_is_of_the_pies_aa_pies_and_class_matched_non_pies(folder, study):
    design = folder.annotations.read(study).design
    results = SweepResults(folder)
    pie = results.images(VARIANT)["is_pie"].to_numpy()
    assert pie[list(design.groups[PIE])].all()
    assert not pie[list(design.groups[NON_PIE])].any()
    assert results.aa_pies()[list(design.groups[AA_PIE])].all()
    classes = [sorted(design.labels[i] for i in design.groups[g]) for g in (PIE, NON_PIE)]
    assert classes[0] == classes[1]
    assert all(results.label[i] == label for i, label in design.labels.items())
    assert (design.n_dense_runs, design.n_variant_runs, design.ties) == (6, 6, "confidence")
    assert design.available == {PIE: pie.sum(), AA_PIE: results.aa_pies().sum()}


def test_aa_pies_are_those_of_the_first_split_of_the_noise_floor(folder):
    from analysis.stats.seed_noise import noise_floor

    results = SweepResults(folder)
    dense = results.population("dense")
    one = noise_floor(dense.prediction, dense["confidence"], results.label, n_splits=1)
    assert (results.aa_pies() == (one.frequency == 1)).all()


def test_a_single_dense_run_has_no_aa_pies_and_the_study_no_such_group(tmp_path):
    folder = make_sweep(tmp_path, seeds=1)
    results = SweepResults(folder)
    assert results.aa_pies() is None
    assert supply(results, VARIANT).n_aa_pies is None
    design = folder.annotations.read(start_study(results, VARIANT, size=20)).design
    assert design.groups[AA_PIE] == ()


@pytest.mark.usefixtures("study")
def test_studies_are_numbered_and_never_replaced(folder):
    before = file_of(folder).read_bytes()
    assert start_study(SweepResults(folder), VARIANT, size=20) == "study-2"
    assert folder.annotations.names() == ["study-1", "study-2"]
    assert file_of(folder).read_bytes() == before


@pytest.mark.parametrize("size", [19, 501, -1])
def test_a_size_out_of_range_is_refused(folder, size):
    with pytest.raises(UserError, match="expected 20 to 500"):
        start_study(SweepResults(folder), VARIANT, size=size)
    assert folder.annotations.names() == []


def test_a_variant_without_a_pie_has_nothing_to_annotate(tmp_path):
    folder = make_sweep(tmp_path)
    shutil.rmtree(folder.path / "predictions" / VARIANT)
    shutil.copytree(folder.path / "predictions" / "dense", folder.path / "predictions" / VARIANT)
    listed(folder)
    with pytest.raises(UserError, match="no PIE"):
        start_study(SweepResults(folder), VARIANT, size=20)


def test_images_without_a_picture_are_not_drawn(tmp_path):
    folder = make_sweep(tmp_path)
    images = folder.read_images()
    pictures = pa.array(
        [row if i % 2 == 0 else None for i, row in enumerate(images["image"].to_pylist())],
        type=images.schema.field("image").type,
    )
    place = images.schema.get_field_index("image")
    folder.write_images(images.set_column(place, "image", pictures))
    listed(folder)
    results = SweepResults(folder)
    assert supply(results, VARIANT).has_pictures
    design = folder.annotations.read(start_study(results, VARIANT, size=20)).design
    assert all(image % 2 == 0 for image in design.labels)
    empty = pa.nulls(images.num_rows, pictures.type)
    folder.write_images(images.set_column(place, "image", empty))
    listed(folder)
    assert not supply(results, VARIANT).has_pictures
    with pytest.raises(UserError, match="no PIE with a picture"):
        start_study(results, VARIANT, size=20)


# --- answers ------------------------------------------------------------------------------------
def test_every_answer_is_a_line_and_an_undo_is_one_too(folder, study):
    kept = folder.annotations
    first, second = kept.read(study).images[:2]
    kept.annotate(study, "Ann", first, "atypical")
    kept.annotate(study, "Ann", second, "none")
    assert kept.undo(study, "Ann") == second
    kept.annotate(study, "Bo", second, "abstract")
    lines = [json.loads(line) for line in file_of(folder).read_text().splitlines()]
    assert [line["kind"] for line in lines] == [
        "design", "annotation", "annotation", "undo", "annotation",
    ]  # fmt: skip
    read = kept.read(study)
    assert read.raters == ["Ann", "Bo"]
    assert {i: a.category for i, a in read.answers("Ann").items()} == {first: "atypical"}
    assert kept.undo(study, "Ann") == first
    assert kept.undo(study, "Ann") is None
    assert kept.read(study).raters == ["Bo"]


def test_a_second_answer_to_an_image_replaces_the_first(folder, study):
    kept = folder.annotations
    image = kept.read(study).images[0]
    for category in ("atypical", "none"):
        kept.annotate(study, "Ann", image, category)
    assert [a.category for a in kept.read(study).answers("Ann").values()] == ["none"]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_that_was_cut_off_is_passed_over_and_never_glued_to_the_next(folder, study, cut):
    kept = folder.annotations
    one, two, three = kept.read(study).images[:3]
    kept.annotate(study, "Ann", one, "atypical")
    kept.annotate(study, "Ann", two, "none")
    content = file_of(folder).read_bytes()
    file_of(folder).write_bytes(content[:-cut])
    assert list(kept.read(study).answers("Ann")) == [one], "without its end it was not confirmed"
    kept.annotate(study, "Ann", three, "abstract")
    read = kept.read(study)
    # A line that lacks its end alone says everything, once the next writer has ended it.
    assert list(read.answers("Ann")) == ([one, two, three] if cut == 1 else [one, three])
    assert file_of(folder).read_bytes().startswith(content[:-cut])
    assert folder.verify() == []


@pytest.mark.parametrize(
    "line",
    [
        '{"kind":"annotation","rater":"Ann","image_id":99999,"category":"none","time":""}',
        '{"kind":"annotation","rater":"Ann","image_id":1,"category":"<b>","time":""}',
        '{"kind":"annotation","rater":7,"image_id":1,"category":"none","time":""}',
        '{"kind":"annotation","rater":"Ann","image_id":[1],"category":"none","time":""}',
        '{"kind":"other"}',
        '[{"kind":"annotation"}, {}',
        '["a", {}]}',
        "\x00\x00\x00",
    ],
)
def test_a_line_that_is_no_answer_counts_for_nothing_and_verify_names_what_is_damaged(
    folder, study, line
):
    with file_of(folder).open("a") as file:
        file.write(f"{line}\n")
    kept = folder.annotations
    kept.annotate(study, "Ann", kept.read(study).images[0], "none")
    assert len(kept.read(study).answers("Ann")) == 1
    assert len(folder.verify()) == (1 if line.endswith("}") else 0)


@pytest.mark.parametrize("content", [b"", b"{", b"[]\n", b'{"kind":"design"}\n', b"\xff\xfe\n"])
def test_a_damaged_design_is_told_in_words(folder, study, content):
    file_of(folder).write_bytes(content)
    with pytest.raises(CacheError, match="does not list the drawn images"):
        folder.annotations.read(study)
    (problem,) = folder.verify()
    assert problem.startswith("damaged: annotations/study-1.jsonl")
    assert main(["verify", "made", "--cache", str(folder.path.parent)]) == 1


@pytest.mark.usefixtures("study")
def test_a_foreign_file_among_the_studies_is_named(folder):
    (folder.path / "annotations" / "notes.txt").write_text("x")
    assert folder.verify() == ["foreign: annotations/notes.txt (no study)"]


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", ["study-0", "../study-1", "study-1.jsonl", "", "study-x"])
def test_no_other_file_is_read_as_a_study(folder, name):
    with pytest.raises(CacheError):
        folder.annotations.read(name)


def _annotate_all(path, rater, start):
    folder = Cache(path).sweep("made")
    start.wait(30)
    for image in folder.annotations.read("study-1").images:
        folder.annotations.annotate("study-1", rater, image, "none")


def test_two_processes_and_two_threads_at_once_lose_nothing(folder, study):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    cache = str(folder.path.parent)
    workers = [
        *(context.Process(target=_annotate_all, args=(cache, r, start)) for r in ("Ann", "Bo")),
        *(threading.Thread(target=_annotate_all, args=(cache, r, start)) for r in ("Cy", "Di")),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    read = folder.annotations.read(study)
    assert sorted(read.raters) == ["Ann", "Bo", "Cy", "Di"]
    assert all(read.is_finished_by(rater) for rater in read.raters)
    assert read.unreadable == ()
    assert len(file_of(folder).read_bytes().splitlines()) == 1 + 4 * len(read.images)


def _annotate_until_killed(path, pipe):
    kept = Cache(path).sweep("made").annotations
    images = kept.read("study-1").images
    for i in range(100_000):
        kept.annotate("study-1", f"rater {i // len(images)}", images[i % len(images)], "none")
        pipe.send(i)


def test_what_was_confirmed_survives_a_kill(folder, study):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_annotate_until_killed, args=(str(folder.path.parent), theirs))
    process.start()
    while ours.recv() < 60:
        pass
    time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    confirmed = 60
    theirs.close()
    while True:
        try:
            confirmed = ours.recv()
        except EOFError:
            break
    read = folder.annotations.read(study)
    n = sum(len(read.answers(rater)) for rater in read.raters)
    assert n >= confirmed + 1
    folder.annotations.annotate(study, "after", read.images[0], "none")
    assert "after" in folder.annotations.read(study).raters
    assert folder.verify() == []


def test_a_full_disk_is_told_and_what_was_there_stays(folder, study, monkeypatch):
    kept = folder.annotations
    one, two = kept.read(study).images[:2]
    kept.annotate(study, "Ann", one, "none")
    write = os.write

    def full(descriptor, data):
        write(descriptor, bytes(data)[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("analysis.store.annotations.os.write", full)
        with pytest.raises(RunError, match=r"could not be saved.*No space"):
            kept.annotate(study, "Ann", two, "none")
    assert list(kept.read(study).answers("Ann")) == [one]
    kept.annotate(study, "Ann", two, "none")
    assert list(kept.read(study).answers("Ann")) == [one, two]


# --- the sweep it belongs to --------------------------------------------------------------------
def test_a_study_goes_along_with_a_renamed_sweep_and_a_late_answer_is_refused(folder, study):
    kept = folder.annotations
    image = kept.read(study).images[0]
    kept.annotate(study, "Ann", image, "none")
    cache = Cache(folder.path.parent)
    cache.rename("made", "other")
    assert cache.sweep("other").annotations.read(study).raters == ["Ann"]
    assert cache.sweep("other").verify() == []
    with pytest.raises(UserError, match="no longer exists"):
        kept.annotate(study, "Ann", image, "none")
    assert not folder.path.exists()


def test_removing_a_sweep_keeps_what_people_annotated(folder, study, capsys):
    kept = folder.annotations
    kept.annotate(study, "Ann", kept.read(study).images[0], "none")
    cache = str(folder.path.parent)
    assert main(["remove", "made", "--cache", cache]) == 0
    assert "were kept in" in capsys.readouterr().out
    assert Cache(cache).names() == Cache(cache).headless() == []
    assert os.listdir(folder.path) == ["annotations"]
    again = make_sweep(cache)
    assert again.annotations.read(study).raters == ["Ann"]
    assert again.verify() == []


def test_merging_takes_over_the_studies_of_both(folder, study):
    cache = Cache(folder.path.parent)
    shutil.copytree(folder.path, folder.path.parent / "twin")
    twin = cache.sweep("twin")
    manifest = twin.manifest()
    manifest.name = "twin"
    twin.write_manifest(manifest)
    start_study(SweepResults(folder), VARIANT, size=20, seed=2)
    image = twin.annotations.read(study).images[0]
    twin.annotations.annotate(study, "Bo", image, "none")
    merge(cache, "made", "twin", "both")
    both = cache.sweep("both")
    assert both.verify() == []
    assert both.annotations.names() == ["study-1", "study-2", "study-3"]
    assert [both.annotations.read(n).raters for n in both.annotations.names()] == [[], [], ["Bo"]]
    merge(cache, "made", "both", "again")
    assert cache.sweep("again").annotations.names() == ["study-1", "study-2", "study-3"]


# --- raters and tables --------------------------------------------------------------------------
def test_a_rater_is_one_name_however_it_is_typed():
    assert rater_name("  Ann   Lee ") == "Ann Lee"
    assert rater_name("ann lee", ["Ann Lee"]) == "Ann Lee"
    for bad in ("", "   ", "x" * 61, "a\u202eb", "a\x00b"):
        with pytest.raises(UserError, match="rater's name"):
            rater_name(bad)


def test_the_tables_are_those_of_the_answers_and_the_csv_runs_nothing(folder, study, capsys):
    kept = folder.annotations
    images = kept.read(study).images
    generator = np.random.default_rng(0)
    given = generator.integers(0, 3, (2, len(images)))
    for rater, row in zip(("=1+1", "Bo"), given, strict=True):
        for image, code in zip(images, row, strict=True):
            kept.annotate(study, rater, image, KEYS[code])
    results = SweepResults(folder)
    table = results.annotations()
    assert len(table) == 2 * len(images)
    design = kept.read(study).design
    overlap = set(design.groups[PIE]) & set(design.groups[AA_PIE])
    assert set(table.loc[table["group"] == "pie aa-pie", "image_id"]) == overlap
    shares = results.annotation_shares().set_index("category")
    of_pies = table[table["group"].str.split().map(lambda groups: PIE in groups)]
    votes = of_pies.groupby("image_id")["category"].agg(lambda c: list(c))
    both = sum(pair == [KEYS[0]] * 2 for pair in votes)
    assert shares.loc[KEYS[0], "pie_count"] == both
    assert shares["pie_count"].sum() == shares["pie_images"].iloc[0] == 20
    agreement = results.annotation_agreement().set_index("measure")
    assert agreement.loc["cohen-kappa", "observed"] == (given[0] == given[1]).mean()
    assert results.annotations("int8-static").empty
    cache = str(folder.path.parent)
    assert main(["export", "made", "annotations", "--cache", cache]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "study,variant_id,image_id,label,group,rater,category,time,comment"
    assert ",'=1+1," in lines[1]


def test_a_withdrawn_link_is_nobodys_and_the_answers_stand(folder, study):
    kept = folder.annotations
    first = kept.invite(study, "Ann")
    other = kept.invite(study, "Bo")
    image = kept.read(study).images[0]
    kept.annotate(study, "Ann", image, KEYS[0])
    kept.withdraw(study, "Ann")
    kept.withdraw(study, "Ann")
    kept.withdraw(study, "nobody")
    read = kept.read(study)
    assert read.invited(first) is None
    assert read.invited(other) == "Bo"
    assert read.answers("Ann")[image].category == KEYS[0]
    again = kept.invite(study, "Ann")
    assert again != first
    # A late withdrawal of the link of before leaves the new one alone.
    line = Withdrawal("Ann", first, "2026-01-01T00:00:00+00:00").to_line()
    with file_of(folder).open("a") as file:
        file.write(line)
    assert kept.read(study).invited(again) == "Ann"
    assert not kept.problems()


@pytest.mark.parametrize("field", ["rater", "token", "time"])
def test_a_withdrawal_of_something_else_than_text_withdraws_nothing(folder, study, field):
    kept = folder.annotations
    token = kept.invite(study, "Ann")
    said = {"rater": "Ann", "token": token, "time": "now"} | {field: ["x"]}
    with file_of(folder).open("a") as file:
        file.write(json.dumps({"kind": "withdrawal"} | said) + "\n")
    read = kept.read(study)
    assert read.invited(token) == "Ann"
    assert read.damaged
