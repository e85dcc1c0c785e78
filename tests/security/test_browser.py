"""Every page of the hostile sweep in a real browser: its texts are shown, and none of them runs."""

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.dashboard.browsing import TILE, painted, settled
from tests.dashboard.conftest import browser, chromium, context, free_port, page, serving  # noqa: F401
from tests.security.hostile import STRINGS, TEXTS, VARIANT

IMAGE = TEXTS.index(STRINGS["image"])
# What data would have to make to do harm, or to pass for the page's own words.
MADE_BY_DATA = """() => {
  const roots = [document];
  for (const root of roots)
    for (const one of root.querySelectorAll("*")) if (one.shadowRoot) roots.push(one.shadowRoot);
  const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
  const found = [], links = ["href", "src", "xlink:href"];
  const say = (what, one) => found.push(`${what}: ${one.outerHTML.slice(0, 200)}`);
  for (const one of all("[data-testid=stApp] :is(script, iframe, object, embed, form[action])"))
    say("element", one);
  for (const one of all("*")) {
    for (const { name, value } of one.attributes) {
      if (name.startsWith("on")) say("handler", one);
      if (/^\\s*(javascript|vbscript):/i.test(value) && links.includes(name))
        say("link", one);
      if (links.includes(name) && value.includes("struck")
          && /^(https?:)?\\/\\/(?!127\\.0\\.0\\.1)/.test(value)) say("foreign", one);
    }
    if (one.matches("img[src='x']")) say("image", one);
  }
  // Emphasis, code, headings and colours of nothing but what stood between the marks.
  const marks = "b, strong, em, i, del, code, h1, h2, a, sup, th, td, li, [class*=Markdown] span";
  for (const one of all(marks))
    if (/^(struck\\s*)+$/.test(one.textContent.trim())) say("markup", one);
  for (const one of all(".katex")) say("TeX", one);
  return found;
}"""


@pytest.fixture(scope="module")
def address(hostile_cache: Path):
    with serving(hostile_cache, free_port()) as (served, _):
        yield served


@pytest.fixture
def watched(page, address):  # noqa: F811
    """A page whose requests and dialogs are looked at when the test is over."""
    asked, own = [], urlsplit(address).netloc
    page.on("request", lambda request: asked.append(request.url))
    yield page
    foreign = {
        url for url in asked
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != own
    }  # fmt: skip
    assert not foreign
    assert asked


def shown(page) -> str:  # noqa: F811
    """The text of the page and of its components, one blank where there are several."""
    texts = page.evaluate(
        """() => {
          const texts = [], walk = (root) => {
            texts.push(root instanceof Document ? root.body.innerText : root.textContent);
            for (const one of root.querySelectorAll("*")) if (one.shadowRoot) walk(one.shadowRoot);
          };
          walk(document);
          for (const one of document.querySelectorAll("input")) texts.push(one.value);
          return texts;
        }"""
    )
    return flat(" ".join(texts))


def flat(text: str) -> str:
    """Blanks for what cannot be seen; the word joiners of dashboard.text are gone."""
    seen = re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+", " ", text)
    return " ".join(seen.replace("\u2060", "").split())


def see(page, text: str) -> None:  # noqa: F811
    """Wait until the page shows a text literally."""
    for _ in range(300):
        if flat(text) in shown(page):
            return
        page.wait_for_timeout(200)
    pytest.fail(f"not shown: {text!r}")


def check(page) -> None:  # noqa: F811
    settled(page)
    assert page.evaluate(MADE_BY_DATA) == []
    assert page.evaluate("window.struck") is None
    assert page.dialogs == []
    assert page.get_by_test_id("stException").count() == 0


def visit(page, address: str, name: str, **params: str) -> None:  # noqa: F811
    asked = "&".join(f"{one}={quote(value, safe='')}" for one, value in params.items())
    page.goto(f"{address}/{name}?sweep=hostile&{asked}")
    page.wait_for_selector("h1")
    check(page)


def test_overview_with_the_files_left_out_and_how_it_was_made(watched, address):
    visit(watched, address, "")
    for text in (STRINGS["script"], STRINGS["image"], STRINGS["bold"] + STRINGS["script"]):
        see(watched, text)
    for expander in watched.locator("[data-testid=stExpander] summary").all():
        expander.click()
    for name in ("closing", "double quote", "bold", "jinja"):
        see(watched, STRINGS[name])
    check(watched)


def test_the_map_its_hover_its_slices_and_what_names_them(watched, address):
    visit(watched, address, "map", color="class")
    watched.wait_for_selector(".lethe-map[data-painted]")
    for name in ("bold", "markdown link", "icon", "tex", "script"):
        see(watched, STRINGS[name])  # The slices that are kept.
    for image in (IMAGE, TEXTS.index(STRINGS["closing"])):
        x, y = watched.evaluate(
            "id => { const m = document.querySelector('.lethe-map').lethe,"
            " i = m.ids.indexOf(id), box = m.above.getBoundingClientRect(),"
            " [left, top] = m.toScreen(m.xs[i], m.ys[i]);"
            " return [box.left + left, box.top + top]; }",
            image,
        )
        watched.mouse.move(x - 30, y - 30)
        watched.mouse.move(x, y)
        watched.wait_for_selector(".lethe-map-tip[data-told]")
        check(watched)
    watched.locator(".lethe-map-entry").first.click()
    watched.wait_for_selector(".st-key-map-selected")
    settled(watched)
    watched.locator(".st-key-map-slice button").click()
    watched.locator(".st-key-slice-name input").fill(STRINGS["single quote"])
    watched.locator(".st-key-slice-name input").press("Enter")
    settled(watched)
    check(watched)
    watched.keyboard.press("Escape")
    watched.locator("[class*=st-key-slice-remove-] button:visible").first.click()
    watched.wait_for_selector(".st-key-slice-forget")
    check(watched)


def test_gallery_tiles_detail_filters_and_popovers(watched, address):
    visit(watched, address, "gallery", population="all", per_page="240", sort="image_id",
          order="asc", variant=VARIANT)  # fmt: skip
    painted(watched)
    check(watched)
    tiles = {flat(one) for one in watched.locator(f"{TILE} strong").all_inner_texts()}
    assert tiles <= {flat(text) for text in TEXTS}
    assert len(tiles) > len(TEXTS) / 2
    for name in ("colour", "markdown link", "icon", "table"):
        see(watched, STRINGS[name])  # The names of metadata filters.
    watched.locator(TILE).nth(IMAGE).click()
    watched.wait_for_selector("dialog[open]")
    see(watched, f"{STRINGS['image']}/{IMAGE}.png")
    check(watched)
    watched.keyboard.press("Escape")
    for key in ("gallery-tag", "gallery-views", "gallery-code", "gallery-take-along"):
        settled(watched)
        watched.locator(f".st-key-{key} button").first.click()
        for name in ("bold", "icon", "tex") if key in ("gallery-tag", "gallery-views") else ():
            see(watched, STRINGS[name])
        check(watched)
        watched.keyboard.press("Escape")


@pytest.mark.parametrize("name", ["script", "image", "markdown link"])
def test_gallery_notes_hostile_text_that_no_parameter_knows(watched, address, name):
    text = STRINGS[name]
    unknown = {"method": text, "sparsity": text, "pie_in": text, "not_pie_in": text}
    unknown |= {"range": f"{text}:0..1", "sort": f"meta_{text}"}
    visit(watched, address, "gallery", **unknown)
    assert shown(watched).count("is not available here") == len(unknown)
    see(watched, f"not_pie_in={text}")
    check(watched)


@pytest.mark.parametrize("name", ["image", "icon"])
def test_gallery_leaves_out_by_a_hostile_name(watched, address, name):
    text = STRINGS[name]
    visit(watched, address, "gallery", population="all", not_tag=text, not_class=text)
    see(watched, f"true label not: {text}")
    see(watched, f"not tagged: {text}")
    check(watched)
    assert "is not available here" not in shown(watched)


@pytest.mark.parametrize("name", ["image", "icon"])
def test_gallery_filters_by_a_hostile_name(watched, address, name):
    text = STRINGS[name]
    visit(watched, address, "gallery", population="all", tag=text, meta=f"value:{text}",
          **{"class": text})  # fmt: skip
    see(watched, f"true label: {text}")
    check(watched)
    assert "is not available here" not in shown(watched)


@pytest.mark.parametrize("name", ["script", "markdown link", "table", "colour"])
def test_gallery_filters_by_a_slice_of_a_hostile_column(watched, address, name):
    visit(watched, address, "gallery", population="all", slice=f"meta:{STRINGS[name]}/0")
    see(watched, f"meta:{STRINGS[name]}/0")
    check(watched)
    assert "is not available here" not in shown(watched)


@pytest.mark.parametrize(
    ("name", "params", "texts"),
    [
        ("classes", {"search": "alert"}, ["<script>window."]),
        ("curves", {"of": "class", "of_class": STRINGS["script"]}, [STRINGS["script"]]),
        (
            "curves",
            {"of": "value", "attribute": "value", "of_value": STRINGS["svg"]},
            [STRINGS["svg"]],
        ),
        ("robustness", {}, [STRINGS["markdown link"]]),
        ("compare", {"variant": VARIANT}, ["Jaccard index"]),
        ("attributes", {"attribute": STRINGS["markdown link"]}, [STRINGS["markdown link"]]),
        ("image", {"image": str(IMAGE)}, [STRINGS["image"]]),
        ("image", {"image": str(TEXTS.index(STRINGS["colour"]))}, [STRINGS["colour"]]),
        ("map", {"color": "class"}, [STRINGS["image"], STRINGS["colour"], STRINGS["icon"]]),
        ("map", {"color": "meta_value", "slice": STRINGS["bold"]}, [STRINGS["bold"]]),
        ("map", {"selected": STRINGS["script"]}, [STRINGS["script"], STRINGS["tex"]]),
        ("remedies", {"variant": VARIANT}, ["What the forgotten images share"]),
        ("annotate", {}, [STRINGS["colour"], STRINGS["tex"], STRINGS["icon"]]),
        ("export", {}, ["Whole report"]),
        ("sweeps", {}, [STRINGS["script"], STRINGS["image"]]),
    ],
)
def test_a_page_shows_what_the_data_says(watched, address, name, params, texts):
    visit(watched, address, name, **params)
    for expander in watched.locator("[data-testid=stExpander] summary").all():
        expander.click()
    for text in texts:
        see(watched, text)
    for one in watched.locator(".js-plotly-plot .point path").all()[:2]:
        one.hover(force=True)
    check(watched)


def test_a_sweep_that_fails_tells_it_literally(watched, address):
    visit(watched, address, "sweeps", part="new")
    dataset = watched.get_by_role("combobox", name="Dataset")
    dataset.fill("folder")
    dataset.press("Enter")
    settled(watched)
    text = STRINGS["image"] + STRINGS["bold"] + STRINGS["colour"]
    place = watched.get_by_role("textbox", name="Place")
    place.fill(text)
    place.press("Enter")
    settled(watched)
    check(watched)
    watched.locator(".st-key-start button:visible").click()
    log = watched.locator("[data-testid=stExpander]", has_text="What it wrote last")
    log.locator("summary").click(timeout=60_000)
    see(watched, f"dataset 'folder:{text}'")
    assert log.locator("code", has_text=text).count() == 1
    check(watched)


def test_annotate_rates_and_tells(watched, address):
    visit(watched, address, "annotate")
    watched.get_by_label("Your name").fill(STRINGS["plotly tags"])
    watched.get_by_role("button", name="Begin").click()
    watched.wait_for_selector("[data-testid=annotate-image]")
    see(watched, STRINGS["plotly tags"])
    check(watched)
    watched.locator(".st-key-annotate-part button", has_text="Results").click()
    watched.get_by_role("button", name="Show results").click()
    see(watched, "Agreement between raters")
    check(watched)
