"""Every mark of every figure of the registry leads into the gallery."""

import pytest

from analysis.report.figures import drawings
from analysis.report.scope import scope_of
from analysis.results import SweepResults
from analysis.results.studies import start_study
from dashboard import links, state
from dashboard.context import Context
from dashboard.figure_clicks import opener
from dashboard.figure_panel import clickable
from dashboard.selection import Selection
from dashboard.views import attributes_all
from tests.synthetic import make_sweep

VARIANTS = ("magnitude=0.5,0.9,0.95", "int8-static")


@pytest.fixture(scope="module", params=[4, 1])
def opened(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("clicks")
    folder = make_sweep(
        root, n_images=400, seeds=request.param, variants=VARIANTS, shifts=("fog-3", "snow-5"),
        metadata={"size": [i / 7 for i in range(400)]},
    )  # fmt: skip
    manifest = folder.manifest()
    manifest.dataset.train_counts = [10, 20, 40, 80, 160]
    folder.write_manifest(manifest)
    results = SweepResults(folder)
    name = start_study(results, "magnitude-0.95", size=20, seed=1)
    study = folder.annotations.read(name)
    for place, image in enumerate(study.images):
        category = study.design.protocol.keys[place % 3]
        folder.annotations.annotate(name, "Ann", image, category)
    return SweepResults(folder)


@pytest.fixture
def went(monkeypatch):
    """Where a click led."""
    found = []
    monkeypatch.setattr(links.pages, "page", lambda name: name)
    monkeypatch.setattr(state, "open_page", lambda page, to, _default: found.append((page, to)))
    return found


def marks(figure):
    """What each mark of a figure says it is of; lines say nothing, nor does what is a key alone."""
    figure.add_traces(clickable(figure).data[len(figure.data) :])
    for trace in figure.data:
        is_mark = trace.type == "bar" or "markers" in (
            (trace.type == "scatter" and trace.mode) or ""
        )
        is_drawn = trace.x is not None and any(x is not None for x in trace.x)
        if is_mark and is_drawn and trace.hoverinfo != "skip":
            yield trace, list(trace.customdata if trace.customdata is not None else [])


def test_every_mark_of_every_figure_says_what_it_is_of_and_leads_to_it(opened, went):
    context = Context(opened, Selection(sweep="made", variant="magnitude-0.95"), None, ())
    figures = drawings(scope_of(opened, None))
    assert len(figures) > 20
    for drawing in figures:
        on_click = opener(context, drawing)
        assert on_click is not None, f"{drawing.name}: a click leads nowhere"
        drawn, before = drawing.figure(), len(went)
        for trace, said in marks(drawn):
            assert len(said) == len(trace.x), f"{drawing.name}, {trace.name}: marks of nothing"
            for custom in said:
                on_click({"customdata": list(custom)})
        n_marks = sum(len(said) for _, said in marks(drawn))
        assert not n_marks or len(went) > before, f"{drawing.name}: no mark opens the gallery"
        for page, to in went[before:]:
            assert page == "gallery"
            assert to.variant in (None, *opened.compressed_ids)


def test_a_mark_of_a_study_opens_the_images_judged_so(opened, went):
    context = Context(opened, Selection(sweep="made"), None, ())
    (drawing,) = [one for one in drawings(scope_of(opened, None)) if "human" in one.name]
    for trace, said in marks(drawing.figure()):
        for custom in said:
            before = len(went)
            opener(context, drawing)({"customdata": list(custom)})
            n = int(custom[3])
            assert len(went) - before == bool(n), f"{trace.name}: {custom}"
            if n:
                assert went[-1][1].population == "all"
                assert went[-1][1].selected is not None


@pytest.mark.parametrize(
    ("score", "ranges"),
    [("confidence", ["dense_confidence:0.1..0.2"]), ("entropy", ["entropy:0.1..0.2"]),
     ("atypicality", [])],
)  # fmt: skip
def test_a_tenth_of_a_score_leads_to_its_pies(opened, went, score, ranges):
    context = Context(opened, Selection(sweep="made", variant="magnitude-0.95"), None, ())
    links.open_score(context, score, {"customdata": [0.1, 0.2, 40]})
    ((page, to),) = went
    assert (page, to.variant, [one.spelled for one in to.ranges]) == (
        "gallery", "magnitude-0.95", ranges
    )  # fmt: skip


def test_what_a_cascade_leaves_leads_to_the_forgotten(opened, went):
    context = Context(opened, Selection(sweep="made", variant="magnitude-0.95"), None, ())
    links.open_forgotten(context, {"customdata": [5]})
    assert went[0][1].kinds == ("forgotten",)


def test_two_values_that_occur_together_lead_to_the_images_that_have_both(tmp_path, went):
    hair, sex = ["fair", "dark & long", None, "dark"], ["woman", "man"]
    metadata = {"meta_hair": (hair * 50), "meta_sex": [sex[i // 3 % 2] for i in range(200)]}
    folder = make_sweep(tmp_path, seeds=4, variants=VARIANTS, metadata=metadata)
    context = Context(SweepResults(folder), Selection(sweep="made"), None, ())
    by = ["hair", "sex"]
    rows = context.results.attributes("magnitude-0.95", by=by)
    assert len(rows) == 6
    for row in rows.to_dict("records"):
        attributes_all.open_both(by, context, [row["attribute"], row["value"]])
        _, to = went[-1]
        wanted = dict(to.meta)
        n = sum(
            (h, s) == (wanted["hair"], wanted["sex"])
            for h, s in zip(*metadata.values(), strict=True)
        )
        assert n == row["n_images"]
    assert len({to.meta for _, to in went}) == 6
