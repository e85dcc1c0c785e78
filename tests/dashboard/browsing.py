"""What the browser tests look at, and how they wait for it."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from playwright.sync_api import expect

TILE = "[data-testid=gallery-tile]"
COUNT = "[data-testid=gallery-count]"


def painted(page, n=None):
    """Wait until every tile's thumbnail is decoded; return the image ids."""
    page.wait_for_selector(TILE)
    if n is not None:
        expect(page.locator(TILE)).to_have_count(n)
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=gallery-tile] img')]"
        ".every(image => image.complete && image.naturalWidth > 0)"
    )
    return page.eval_on_selector_all(TILE, "tiles => tiles.map(t => t.dataset.imageId)")


def settled(page):
    """Wait until the script rests: Streamlit can drop what is chosen while a page is being made.

    Looked at twice, since a page that has just been drawn may run once more.
    """
    for pause in (300, 0):
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        page.wait_for_timeout(pause)


def query(page):
    return parse_qs(urlsplit(page.url).query)


def found(page):
    """Read how many images the count line says were found."""
    return int(page.inner_text(COUNT).split(" of ")[1].split(" ")[0].replace(",", ""))


def change(page, action):
    """Do something and wait until the count line or the tiles are others.

    Once more where nothing comes of it, as a user would: on a loaded machine a list may close under
    the pointer while the page is drawn again.
    """
    seen = "document.querySelector('.lethe-gallery').dataset.version"
    settled(page)
    before = page.evaluate(seen)
    action()
    try:
        page.wait_for_function(f"before => {seen} !== before", arg=before, timeout=10_000)
    except PlaywrightTimeoutError:
        settled(page)
        action()
        page.wait_for_function(f"before => {seen} !== before", arg=before)


def choose(page, container, option):
    page.locator(f".st-key-{container} input").first.click()
    page.get_by_role("option").filter(has_text=option).first.click()
    page.keyboard.press("Escape")
