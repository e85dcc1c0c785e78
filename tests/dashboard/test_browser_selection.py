import json
from pathlib import Path

from playwright.sync_api import expect

from tests.dashboard.browsing import TILE, change, painted, query, settled

SELECTED = ".lethe-cell.lethe-selected"
CLEAR = ".st-key-select-none button"
TAG = "<b>odd</b> =1+1"


def opened(page, address, more=""):
    page.goto(f"{address}/gallery?sweep=plain&population=all{more}")
    painted(page, 60)
    settled(page)


def test_keys_and_clicks_select_and_hold_across_pages(page, address):
    opened(page, address)
    page.locator(TILE).nth(1).focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+X")
    expect(page.locator(SELECTED)).to_have_count(3)
    page.locator(".lethe-select").nth(10).click()
    page.locator(".lethe-select").nth(12).click(modifiers=["Shift"])
    expect(page.locator(CLEAR)).to_contain_text("Clear 6 selected")
    change(page, lambda: page.locator("[data-testid=gallery-next]").click())
    expect(page.locator(SELECTED)).to_have_count(0)
    page.locator(TILE).first.focus()
    page.keyboard.press("a")
    expect(page.locator(CLEAR)).to_contain_text("Clear 66 selected")
    change(page, lambda: page.keyboard.press("p"))
    expect(page.locator(SELECTED)).to_have_count(6)
    page.locator(CLEAR).click()
    expect(page.locator(SELECTED)).to_have_count(0)
    page.locator(".st-key-select-all button").first.click()
    expect(page.locator(CLEAR)).to_contain_text("Clear 1,500 selected")
    expect(page.locator(SELECTED)).to_have_count(60)


def test_clicks_faster_than_the_server_answers_are_all_kept(page, address):
    opened(page, address)
    page.evaluate(
        "[...document.querySelectorAll('.lethe-select')].slice(0, 25).forEach(box => box.click())"
    )
    expect(page.locator(CLEAR)).to_contain_text("Clear 25 selected")
    expect(page.locator(SELECTED)).to_have_count(25)


def test_an_open_image_is_selected_by_its_key(page, address):
    opened(page, address)
    page.locator(TILE).first.click()
    page.locator("[data-testid=detail-select]").wait_for()
    page.keyboard.press("x")
    expect(page.locator("[data-testid=detail-select]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator(SELECTED)).to_have_count(1)


def test_the_keys_are_shown_and_typing_is_left_alone(page, address):
    opened(page, address)
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys of the gallery")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Keys of the gallery")).to_be_hidden()
    page.locator(".st-key-filter-class input").first.click()
    page.keyboard.type("?nx")
    expect(page.get_by_role("heading", name="Keys of the gallery")).to_be_hidden()
    assert "page" not in query(page)


def test_a_tag_is_kept_beside_the_sweep_and_filters(page, address, cache):
    opened(page, address)
    ids = painted(page)[:3]
    for place in range(3):
        page.locator(".lethe-select").nth(place).click()
    expect(page.locator(CLEAR)).to_contain_text("Clear 3 selected")
    settled(page)
    page.locator(".st-key-gallery-tag button").first.click()
    page.locator(".st-key-tag-name input").fill(TAG)
    page.keyboard.press("Enter")
    settled(page)
    page.locator(".st-key-tag-give button").click()
    expect(page.get_by_text(f"{TAG} (3)").first).to_be_visible()
    kept = json.loads((Path(cache) / "plain" / "marks" / "marks.json").read_text())
    assert kept["tags"] == {TAG: sorted(map(int, ids))}
    page.goto(f"{address}/gallery?sweep=plain&population=all&tag=%3Cb%3Eodd%3C%2Fb%3E%20%3D1%2B1")
    assert painted(page, 3) == ids
    assert page.locator(".lethe-chip").all_inner_texts()[0].startswith(f"tag: {TAG}")
    page.locator(TILE).first.click()
    expect(page.locator(".lethe-facts")).to_contain_text(TAG)
    assert page.dialogs == []


def test_a_saved_view_keeps_the_rule(page, address):
    opened(page, address, "&sort=label&order=asc")
    page.locator(".st-key-gallery-views button").first.click()
    page.locator(".st-key-view-name input").fill("By label")
    page.keyboard.press("Enter")
    settled(page)
    page.locator(".st-key-view-keep button").click()
    expect(page.get_by_role("button", name="By label")).to_be_visible()
    page.goto(f"{address}/gallery?sweep=plain")
    painted(page)
    settled(page)
    page.locator(".st-key-gallery-views button").first.click()
    change(page, lambda: page.get_by_role("button", name="By label").click())
    asked = query(page)
    assert (asked["sort"], asked["order"], asked["population"]) == (["label"], ["asc"], ["all"])
