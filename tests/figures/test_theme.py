"""Template, colours, escaping, and room for every label."""

import plotly.graph_objects as go
import pytest

from analysis.figures import layout, theme
from analysis.figures.class_heatmap import class_heatmap
from analysis.figures.class_impact import class_impact
from analysis.figures.confusion import confusion_flow
from tests.figures.frames import HOSTILE, classes, images

METHODS = ["dense", "magnitude", "random", "structured", "int8-static", "int8-dynamic", "float16"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("a & b", "a &amp; b"),
        ("&lt;", "&amp;lt;"),
        ("$x$", "&#36;x&#36;"),
        ("a\nb\tc", "a b c"),
        ("left\u202eright", "left right"),
        ("  ", "(blank)"),
        (7, "7"),
    ],
)
def test_data_text_is_shown_literally(text, shown):
    assert layout.escape(text) == shown


def test_long_names_are_cut_in_the_middle_before_they_are_escaped():
    cut = layout.short("<" * 100, 10)
    assert cut == "&lt;" * 6 + "…" + "&lt;" * 3
    assert layout.short("n01440764 tench", 24) == "n01440764 tench"
    assert layout.short("class number 1001 of many", 12).endswith("many")


def texts_of(figure):
    """Everything of a figure that plotly renders with its tags."""
    whole = figure.layout
    found = [whole.title.text, whole.title.subtitle.text, whole.xaxis.title.text]
    found += [a.text for a in whole.annotations] + [t.name for t in figure.data]
    found += list(whole.xaxis.ticktext or ()) + list(whole.yaxis.ticktext or ())
    return [text for text in found if text]


@pytest.mark.parametrize(
    "figure",
    [
        class_impact(classes(HOSTILE, variant_id="<i>v</i>"), note="<i>note</i>"),
        class_heatmap(classes(HOSTILE, variant_id="<i>v</i>"), note="<i>note</i>"),
        confusion_flow(
            images({(0, 1): 1, (4, 2): 2}, variant_id="<i>v</i>"), class_names=HOSTILE, note="<i>"
        ),
    ],
)
def test_no_data_text_reaches_a_figure_as_a_tag(figure):
    for text in texts_of(figure):
        assert "<" not in text.replace("<br>", "")
    for trace in figure.data:
        template = (trace.hovertemplate or "").replace("<extra>", "").replace("<br>", "")
        shown = [i for i in range(9) if f"customdata[{i}]" in template]
        rows = trace.customdata if trace.customdata is not None else []
        cells = [cell for row in rows for cell in ([row] if trace.type != "heatmap" else row)]
        assert not [c[i] for c in cells for i in shown if "<" in str(c[i])]


def test_hover_shows_the_whole_name_where_the_axis_cuts_it():
    figure = class_impact(classes(HOSTILE))
    full = {row[1] for t in figure.data for row in t.customdata}
    assert layout.escape(HOSTILE[3]) in full
    assert max(len(text) for text in figure.layout.yaxis.ticktext) < 80


def test_known_methods_have_a_colour_and_a_marker_each():
    assert len({theme.method_color(m) for m in METHODS}) == len(METHODS)
    assert len({theme.method_symbol(m) for m in METHODS}) == len(METHODS)


def test_a_method_nobody_knows_has_the_same_look_in_every_process():
    look = (theme.method_color, theme.method_symbol, theme.method_dash)
    assert [of("brand-new") for of in look] == [
        "#D55E00", "pentagon", "longdash"
    ]  # fmt: skip


def test_combined_methods_are_told_apart_from_their_parts():
    assert (
        theme.method_symbol("magnitude+int8-static") == theme.method_symbol("magnitude") + "-open"
    )
    assert theme.method_color("magnitude+int8-static") == theme.method_color("int8-static")
    assert theme.method_dash("magnitude+int8-static") != theme.method_dash("magnitude")


@pytest.mark.parametrize("looks", [theme.SIGN_SYMBOLS, theme.KIND_PATTERNS])
def test_signs_and_kinds_differ_by_more_than_colour(looks):
    assert len(set(looks.values())) == len(looks)


def contrast(one, other):
    """WCAG contrast of two (r, g, b) colours."""

    def luminance(rgb):
        parts = [c / 255 for c in rgb]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def rgb(text):
    if text.startswith("#"):
        return [int(text[i : i + 2], 16) for i in (1, 3, 5)]
    return [int(part) for part in text[4:-1].split(",")]


# What the pages are drawn on, and the panels that figures can stand on.
PAGES = {"white": ["#FFFFFF"], "light": ["#FFFFFF", "#F0F2F6"], "dark": ["#0E1117", "#262730"]}


@pytest.mark.parametrize("ground", PAGES)
def test_text_is_readable_on_its_ground(ground):
    look = theme.template(ground).layout
    # What is drawn as text has the colour of the template, unless it says one of its own.
    own = [look.title.font.color, look.xaxis.tickfont.color, look.legend.font.color]
    for color in [look.font.color, *filter(None, own)]:
        assert min(contrast(rgb(color), rgb(page)) for page in PAGES[ground]) >= 4.5


@pytest.mark.parametrize("color", [*theme.SIGN_COLORS.values(), *theme.KIND_COLORS.values()])
@pytest.mark.parametrize("page", ["#FFFFFF", "#0E1117"])
def test_marks_stand_out_on_light_and_dark_pages(color, page):
    assert contrast(rgb(color), rgb(page)) >= 2.5


def test_figures_are_transparent_on_pages_and_white_in_files():
    figure = class_impact(classes())
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    white = theme.dress(figure, "white")
    assert white.layout.template.layout.paper_bgcolor == "#FFFFFF"
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_the_footnote_names_sweep_variant_runs_ties_and_date():
    note = theme.footnote("demo", "2026-11-22T09:00:00+00:00", 10, "confidence", "magnitude-0.90")
    for part in ("demo", "magnitude-0.90", "K = 10", "confidence", "2026-11-22"):
        assert part in note
    assert "09:00" not in note
    assert "variant magnitude" not in theme.footnote("demo", "", 10, "confidence")


def composed(**kwargs):
    figure = go.Figure(go.Scatter(x=[1], y=[1], name="one"))
    return layout.compose(figure, layout.Words("Title", "x", "y", **kwargs))


def test_more_words_get_more_room():
    short, long = composed(note="n", subtitle="s"), composed(note="n " * 200, subtitle="s " * 200)
    assert long.layout.margin.b > short.layout.margin.b
    assert long.layout.margin.t > short.layout.margin.t
    heights = [f.layout.height - f.layout.margin.t - f.layout.margin.b for f in (short, long)]
    assert heights[0] == heights[1]


def test_longer_row_names_get_more_room_and_the_footnote_stays_at_the_edge():
    for name in ("ant", "a name of twenty-four ch"):
        figure = class_impact(classes([name, "b"]), note="n")
        assert figure.layout.margin.l >= 5 * len(name) + 20
        (note,) = [a for a in figure.layout.annotations if a.name == "footnote"]
        assert figure.layout.margin.l + note.xshift == 14


def test_the_footnote_stands_below_the_axis_title_and_inside_the_figure():
    figure = composed(note="line " * 60)
    (note,) = figure.layout.annotations
    lines = note.text.count("<br>") + 1
    assert -note.yshift >= 24 + 26
    assert -note.yshift + 14 * lines <= figure.layout.margin.b


def test_an_empty_figure_has_title_axes_and_reason():
    figure = layout.empty(layout.Words("Title", "the x", "the y", "", "note"), "Because <it> is.")
    assert figure.layout.title.text == "Title"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("the x", "the y")
    assert {a.name: a.text for a in figure.layout.annotations} == {
        "footnote": "note", "reason": "Because &lt;it&gt; is."
    }  # fmt: skip
