"""The app on a screen as narrow as a phone's."""

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import painted, settled

WIDTH = 390


@pytest.fixture
def phone(page):
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    return page


def test_filters_fold_above_tiles_that_nothing_cuts_off(phone, address):
    phone.goto(f"{address}/gallery?sweep=plain")
    painted(phone)
    filters = phone.locator(".st-key-gallery-filters")
    expect(filters).to_be_hidden()
    for tile in phone.get_by_test_id("gallery-tile").all()[:6]:
        box = tile.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= WIDTH
    fold = phone.locator(".st-key-gallery-unfolded label")
    fold.click()
    expect(filters).to_be_visible()
    settled(phone)
    above = filters.bounding_box()
    assert above["x"] + above["width"] <= WIDTH
    tile = phone.get_by_test_id("gallery-tile").first.bounding_box()
    assert above["y"] + above["height"] <= tile["y"]
    fold.click()
    expect(filters).to_be_hidden()


def test_tools_fold_above_the_tiles_too(phone, address):
    phone.goto(f"{address}/gallery?sweep=plain")
    painted(phone)
    tools = [phone.locator(f".st-key-gallery-{name}") for name in ("arrangement", "actions")]
    for one in tools:
        expect(one).to_be_hidden()
    tile = phone.get_by_test_id("gallery-tile").first.bounding_box()
    assert tile["y"] < 400, "the first tile stands on the first screen"
    phone.locator(".st-key-gallery-tools label").click()
    for one in tools:
        expect(one).to_be_visible()
        box = one.bounding_box()
        assert box["x"] + box["width"] <= WIDTH


def test_sweep_and_ties_share_a_row(phone, address):
    phone.goto(f"{address}/remedies?sweep=plain")
    settled(phone)
    boxes = [phone.locator(f".st-key-filter-{one}").bounding_box() for one in ("sweep", "ties")]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] <= 0.1 * WIDTH
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert boxes[1]["x"] + boxes[1]["width"] <= WIDTH


def test_a_wide_screen_has_the_filters_open_and_no_switch(page, address):
    page.goto(f"{address}/gallery?sweep=plain")
    painted(page)
    for name in ("filters", "arrangement", "actions"):
        expect(page.locator(f".st-key-gallery-{name}")).to_be_visible()
    expect(page.locator(".st-key-gallery-fold")).to_be_hidden()


def test_the_logo_is_whole_at_every_width(page, address):
    for width in (WIDTH, 900, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{address}/?sweep=plain")
        logo = page.locator('[data-testid="stHeaderLogo"]')
        expect(logo).to_be_visible()
        page.wait_for_function("image => image.naturalWidth > 0", arg=logo.element_handle())
        box = logo.bounding_box()
        wide, high = logo.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert box["x"] >= 0
        assert box["width"] / box["height"] >= 0.99 * wide / high
