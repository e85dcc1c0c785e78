"""Figures as files, drawn by a real browser."""

import html
import io
import json
import re
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname
from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest
from choreographer.browsers.chromium import Chromium
from PIL import Image

from analysis.errors import LetheError
from analysis.figures import browser, layout
from analysis.figures.class_impact import class_impact
from analysis.figures.files import FigureExportError, csv_bytes, figure_bytes, figure_pictures
from analysis.store.tabular import to_csv
from tests.figures.frames import HOSTILE, classes

BROWSER = Chromium.find_browser(skip_local=False)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chrome or Chromium on this machine")


@pytest.fixture(scope="module")
def figure():
    return class_impact(classes(HOSTILE), note="Sweep made")


@pytest.fixture
def fresh(monkeypatch):
    """A browser of this test's own."""
    own = browser.Browser()
    monkeypatch.setattr(browser, "browser", own)
    yield own
    own.close()


@needs_browser
def test_png_has_two_dots_a_pixel_and_a_white_ground(figure):
    image = Image.open(io.BytesIO(figure_bytes(figure, "png")))
    assert image.format == "PNG"
    assert image.size == (1800, 2 * figure.layout.height)
    assert image.convert("RGBA").getpixel((2, 2)) == (255, 255, 255, 255)
    assert len(image.convert("RGB").getcolors(1_000_000)) > 10


@needs_browser
def test_svg_is_a_picture_with_the_names_as_text_and_no_tag_of_theirs(figure):
    svg = figure_bytes(figure, "svg").decode()
    assert re.match(r"\s*(<\?xml[^>]*>\s*)?<svg\b", svg)
    assert "Change of recall" in svg
    root = ElementTree.fromstring(svg)
    texts = {"".join(node.itertext()) for node in root.iter() if node.tag.endswith("}text")}
    assert layout.short(HOSTILE[0]) in {html.escape(text) for text in texts}
    assert not {node.tag.rpartition("}")[2] for node in root.iter()} & {"script", "a"}


@needs_browser
def test_pdf_is_a_pdf(figure):
    pdf = figure_bytes(figure, "pdf")
    assert pdf.startswith(b"%PDF-")
    assert b"%%EOF" in pdf[-64:]


@needs_browser
def test_a_figures_own_size_is_kept():
    small = go.Figure(go.Bar(y=[1, 2]), layout={"width": 300, "height": 200})
    assert Image.open(io.BytesIO(figure_bytes(small, "png"))).size == (600, 400)


@needs_browser
def test_threads_get_each_their_own_figure():
    heights = [200, 240, 280, 320]
    found = {}

    def draw(height):
        bar = go.Figure(go.Bar(y=[1, 2]), layout={"width": 300, "height": height})
        found[height] = Image.open(io.BytesIO(figure_bytes(bar, "png"))).size[1]

    threads = [threading.Thread(target=draw, args=(height,)) for height in heights]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {height: 2 * height for height in heights}


@needs_browser
def test_a_figure_is_the_same_before_and_after_others(figure):
    bar = go.Figure(go.Bar(y=[1, 2]), layout={"title": {"text": "Twice"}})
    first = figure_pictures(bar)
    assert figure_bytes(figure, "png") != first["png"]
    assert [figure_bytes(bar, name) for name in ("png", "pdf")] == [first["png"], first["pdf"]]


@needs_browser
def test_a_browser_that_died_is_started_again(fresh):
    bar = go.Figure(go.Bar(y=[1, 2]))
    first = figure_bytes(bar, "png")
    fresh._kaleido.subprocess.kill()
    fresh._kaleido.subprocess.wait()
    assert figure_bytes(bar, "png") == first


@needs_browser
def test_drawing_fetches_nothing_over_the_network(fresh):
    figure_bytes(go.Figure(go.Bar(y=[1, 2])), "svg")
    page = Path(url2pathname(urlsplit(fresh._kaleido._index).path)).read_text()
    assert "plotly.min.js" in page
    assert "http" not in page


@needs_browser
def test_a_browser_that_was_closed_is_started_again(fresh):
    bar = go.Figure(go.Bar(y=[1, 2]))
    figure_bytes(bar, "svg")
    fresh.close()
    assert b"<svg" in figure_bytes(bar, "svg")


def test_without_a_browser_the_message_says_what_to_install(fresh, figure, monkeypatch):
    monkeypatch.setattr(Chromium, "find_browser", lambda **_options: None)
    for kind in ("png", "svg", "pdf"):
        with pytest.raises(FigureExportError, match=r"install.*chromium.*BROWSER_PATH"):
            figure_bytes(figure, kind)
    assert issubclass(FigureExportError, LetheError)
    assert fresh._kaleido is None


def test_html_and_json_need_no_browser(fresh, figure, monkeypatch):
    monkeypatch.setattr(Chromium, "find_browser", lambda **_options: None)
    assert b"Change of recall" in figure_bytes(figure, "html")
    assert figure_bytes(figure, "json")
    assert fresh._kaleido is None


def test_html_holds_all_it_needs_and_no_script_of_the_data(figure):
    page = figure_bytes(figure, "html").decode()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)\s*=", page)
    assert len(page) > 1_000_000
    assert "<script>alert" not in page


@needs_browser
def test_html_draws_itself_without_a_network(figure, tmp_path):
    page = tmp_path / "figure.html"
    page.write_bytes(figure_bytes(figure, "html"))
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--dump-dom",
        page.as_uri(),
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()
    assert 'class="main-svg"' in dom
    assert "&lt;script&gt;alert" in dom
    assert "Sweep made" in dom


def test_json_is_the_figure_again(figure):
    again = go.Figure(json.loads(figure_bytes(figure, "json")))
    assert again.layout.title.text == figure.layout.title.text
    assert [t.name for t in again.data] == [t.name for t in figure.data]


def test_the_figure_itself_is_left_as_it_is(figure):
    before = figure.to_json()
    figure_bytes(figure, "html")
    assert figure.to_json() == before


@pytest.mark.parametrize("kind", ["gif", "PNG", ""])
def test_another_format_is_refused_with_those_there_are(figure, kind):
    with pytest.raises(ValueError, match="png, svg, pdf, html, json"):
        figure_bytes(figure, kind)


def test_csv_is_the_one_of_the_command_line():
    frame = classes(HOSTILE)
    assert csv_bytes(frame) == to_csv(frame).encode()
