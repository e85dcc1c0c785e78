"""The gallery as rows, its link, and what is kept: undone where it was a slip, asked where used."""

import json

from playwright.sync_api import expect

from tests.dashboard.browsing import change, query, settled

ROW = "[data-testid=gallery-row]"
CLEAR = ".st-key-select-none button"


def opened(page, address, more="", sweep="plain"):
    page.goto(f"{address}/gallery?sweep={sweep}&view=table{more}")
    page.wait_for_selector(ROW)
    settled(page)


def ids(page):
    return page.eval_on_selector_all(ROW, "rows => rows.map(r => r.dataset.imageId)")


def tiles(page):
    found = "tiles => tiles.map(t => t.dataset.imageId)"
    page.wait_for_selector("[data-testid=gallery-tile]")
    return page.eval_on_selector_all("[data-testid=gallery-tile]", found)


def marks(cache):
    return json.loads((cache / "plain" / "marks" / "marks.json").read_text())


def test_rows_are_the_images_that_the_tiles_are(page, address):
    opened(page, address, "&per_page=24")
    rows = ids(page)
    assert len(rows) == 24
    change(page, lambda: page.locator(".st-key-filter-view button").first.click())
    assert tiles(page) == rows
    assert "view" not in query(page)


def test_a_heading_sorts_and_a_row_opens_its_image(page, address):
    opened(page, address, "&per_page=24")
    heading = page.get_by_role("columnheader", name="Image").get_by_role("button")
    change(page, heading.click)
    falling = [int(one) for one in ids(page)]
    assert falling == sorted(falling, reverse=True)
    change(page, page.get_by_role("columnheader", name="Image").get_by_role("button").click)
    assert [int(one) for one in ids(page)] == sorted(int(one) for one in ids(page))
    assert query(page)["sort"] == ["image_id"]
    page.locator(ROW).nth(2).locator("td").nth(5).click()
    expect(page.locator("[data-testid=detail-close]")).to_be_visible()
    assert query(page)["image"] == [ids(page)[2]]


def test_rows_have_the_keys_of_tiles(page, address):
    opened(page, address)
    page.locator(f"{ROW} .lethe-open").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    expect(page.locator(CLEAR)).to_contain_text("Clear 1 selected")
    expect(page.locator(f"{ROW}.lethe-selected")).to_have_attribute("data-image-id", ids(page)[1])
    page.keyboard.press("Enter")
    expect(page.locator("[data-testid=detail-close]")).to_be_visible()
    assert query(page)["image"] == [ids(page)[1]]


def test_no_name_of_the_data_is_markup_in_a_row(page, address):
    opened(page, address, "&population=all", sweep="hostile")
    expect(page.get_by_text("<script>window.struck = 1</script>").first).to_be_visible()
    assert page.evaluate("window.struck") is None
    assert page.locator(f"{ROW} script, {ROW} b").count() == 0


def test_a_copied_link_names_what_is_shown_and_opens_the_same(page, address, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/gallery?sweep=plain&class=class+3&per_page=24")
    shown = tiles(page)
    settled(page)
    page.locator("[data-testid=gallery-copy-link]").click()
    expect(page.locator("[data-testid=gallery-copy-link]")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    # The variant is the default of today, which may be another tomorrow.
    assert "sweep=" in link
    assert "variant=" in link or "method=" in link
    other = context.new_page()
    other.goto(link)
    assert tiles(other) == shown
    assert query(other)["class"] == ["class 3"]


def test_the_open_image_leads_to_its_page_and_back_to_the_same_gallery(page, address):
    opened(page, address, "&class=class+3&per_page=24&order=asc")
    rows = ids(page)
    page.locator(ROW).first.locator("td").nth(3).click()
    facts = page.locator(".lethe-detail .lethe-facts")
    for name in ("Breaking point", "PIE stability"):
        expect(facts.locator("dt").filter(has_text=name)).to_have_count(1)
    expect(facts).not_to_contain_text("being computed")
    page.locator("[data-testid=detail-page]").click()
    page.wait_for_url("**/image?**")
    assert query(page)["image"] == [rows[0]]
    settled(page)
    page.get_by_role("button", name="Gallery", exact=True).click()
    page.wait_for_url("**/gallery?**")
    page.wait_for_selector(ROW)
    assert ids(page) == rows
    assert query(page)["class"] == ["class 3"]
    assert query(page)["order"] == ["asc"]


def test_a_tag_is_undone_to_what_was_there_before(page, address, cache):
    opened(page, address, "&per_page=24")
    shown = [int(one) for one in ids(page)]
    for n, tag in ((1, "first"), (3, "first")):
        for place in range(n):
            box = page.locator(".lethe-select").nth(place)
            if not box.is_checked():
                box.click()
        expect(page.locator(CLEAR)).to_contain_text(f"Clear {n} selected")
        settled(page)
        page.locator(".st-key-gallery-tag button").first.click()
        page.locator(".st-key-tag-name input").fill(tag)
        page.keyboard.press("Tab")
        settled(page)
        page.locator(".st-key-tag-give button").click()
        expect(page.locator(".st-key-tags-done")).to_contain_text("Tagged")
        page.keyboard.press("Escape")
        settled(page)
    expect(page.locator(".st-key-tags-done")).to_contain_text("Tagged 2 images first.")
    assert marks(cache)["tags"]["first"] == sorted(shown[:3])
    page.locator(".st-key-tag-undo button").click()
    expect(page.locator(".st-key-tags-done")).to_have_count(0)
    assert marks(cache)["tags"]["first"] == shown[:1]


def test_a_view_of_a_used_name_asks_before_it_is_replaced(page, address, cache):
    def keep():
        page.locator(".st-key-gallery-views button").first.click()
        page.locator(".st-key-view-name input").fill("  Hard   ones ")
        page.keyboard.press("Tab")
        settled(page)
        page.locator(".st-key-view-keep button").click()
        settled(page)

    opened(page, address)
    keep()
    expect(page.locator(".st-key-view-replace")).to_have_count(0)
    first = marks(cache)["views"]["Hard ones"]
    opened(page, address, "&kind=forgotten")
    keep()
    expect(page.get_by_text("A view is called Hard ones already")).to_be_visible()
    assert marks(cache)["views"]["Hard ones"] == first
    page.locator(".st-key-view-replace button").click()
    expect(page.locator(".st-key-view-replace")).to_have_count(0)
    assert marks(cache)["views"]["Hard ones"]["kind"] == ["forgotten"]
