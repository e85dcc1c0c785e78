"""Every page against axe-core, in light and dark: no violation of any weight."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from dashboard.sweeps.fields import PARTS
from tests.dashboard.browsing import TILE, settled
from tests.dashboard.test_pages import ALL_PAGES

# Streamlit gives the ground of its upload field a role and a name too; the field has its own.
_ROLE = 'data-testid="stFileUploaderDropzone"'


# What is drawn again is faded for a moment, and has no contrast then.
_IS_STILL = """() => new Promise(resolve => {
  let since = null;
  const look = (now) => {
    const moves = document.querySelector("[data-stale=true]")
      || document.getAnimations().some(one => one instanceof CSSTransition);
    since = moves ? null : since ?? now;
    if (since !== null && now - since >= 100) resolve(true); else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def violations(page):
    page.wait_for_function(_IS_STILL)
    found = Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['html'][:200]}"
        for one in found
        for node in one["nodes"]
        if (one["id"], _ROLE in node["html"]) != ("presentation-role-conflict", True)
    ]


@pytest.fixture(params=["light", "dark"])
def coloured(page, request):
    page.emulate_media(color_scheme=request.param)
    return page


@pytest.mark.parametrize("name", ALL_PAGES)
@pytest.mark.parametrize(("scheme", "sweep"), [("light", "hostile"), ("dark", "plain")])
def test_a_page_has_no_violation(page, address, scheme, sweep, name):
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/{name}?sweep={sweep}")
    page.wait_for_selector("h1")
    settled(page)
    assert violations(page) == []


def test_an_open_image_and_the_keys_have_no_violation(coloured, address):
    coloured.goto(f"{address}/gallery?sweep=plain")
    coloured.wait_for_selector(TILE)
    settled(coloured)
    coloured.locator(TILE).first.click()
    coloured.wait_for_selector("[data-testid=detail-close]")
    assert violations(coloured) == []
    coloured.keyboard.press("Escape")
    settled(coloured)
    coloured.keyboard.press("?")
    coloured.wait_for_selector("[data-testid=keys-close]")
    assert violations(coloured) == []


def test_what_the_gallery_hides_behind_buttons_has_no_violation(coloured, address):
    coloured.goto(f"{address}/gallery?sweep=plain")
    coloured.wait_for_selector(TILE)
    for name in ("take-along", "tag", "views", "code"):
        settled(coloured)
        coloured.locator(f".st-key-gallery-{name} button").first.click()
        settled(coloured)
        assert violations(coloured) == [], name
        coloured.keyboard.press("Escape")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_sweeps_has_no_violation(coloured, address, part):
    coloured.goto(f"{address}/sweeps?part={part}")
    coloured.wait_for_selector("h1")
    settled(coloured)
    for expander in coloured.locator("[data-testid=stExpander] summary").all():
        expander.click()
    settled(coloured)
    assert violations(coloured) == []
