import re

from playwright.sync_api import expect

from tests.dashboard.browsing import TILE, change, choose, found, painted, query, settled

SLIDER = "[data-testid=sparsity-slider]"


def at(page, level):
    expect(page.locator(SLIDER)).to_have_attribute("data-level", level)


def test_the_brackets_step_through_the_levels_and_keep_filters_and_page(page, address):
    page.goto(f"{address}/gallery?sweep=plain&population=all&class=class+3&per_page=24&page=2")
    painted(page, 24)
    at(page, "0.95")
    change(page, lambda: page.keyboard.press("["))
    at(page, "0.90")
    asked = query(page)
    assert (asked["method"], asked["sparsity"]) == (["magnitude"], ["0.9"])
    assert (asked["class"], asked["page"]) == (["class 3"], ["2"])
    change(page, lambda: page.locator(f"{SLIDER} input").press("ArrowLeft"))
    at(page, "0.50")
    settled(page)
    page.keyboard.press("[")
    at(page, "0.50")
    for _ in range(2):
        page.keyboard.press("]")
    page.wait_for_function("() => location.search.includes('sparsity=0.95')")
    at(page, "0.95")


def test_an_open_image_stays_open_as_sparsity_changes(page, address):
    page.goto(f"{address}/gallery?sweep=plain&method=magnitude&sparsity=0.90")
    painted(page)
    page.locator(TILE).first.click()
    chosen = page.locator("dialog[open] .lethe-chosen")
    expect(chosen).to_have_attribute("data-variant-id", "magnitude-0.90")
    title = page.inner_text("dialog[open] h2")
    settled(page)
    page.keyboard.press("[")
    expect(chosen).to_have_attribute("data-variant-id", "magnitude-0.50")
    page.get_by_test_id("detail-more").click()
    expect(chosen).to_have_attribute("data-variant-id", "magnitude-0.90")
    assert page.inner_text("dialog[open] h2") == title
    assert "image" in query(page)


def test_typing_a_bracket_and_a_method_without_levels_leave_the_slider_alone(page, address):
    page.goto(f"{address}/gallery?sweep=plain")
    painted(page)
    settled(page)
    page.locator(".st-key-filter-class input").first.click()
    page.keyboard.type("[[")
    page.keyboard.press("Escape")
    at(page, "0.95")
    change(page, lambda: choose(page, "filter-method", "int8-static"))
    expect(page.locator(SLIDER)).to_have_count(0)
    assert query(page)["method"] == ["int8-static"]
    assert found(page)


def test_every_page_with_a_variant_has_the_slider(page, address):
    for name in ("classes", "compare", "attributes", "image", "annotate"):
        page.goto(f"{address}/{name}?sweep=plain&sparsity=0.5")
        at(page, "0.50")
        settled(page)
        page.keyboard.press("]")
        page.wait_for_function("() => location.search.includes('sparsity=0.9')")
        at(page, "0.90")


def test_sets_of_compare_open_whole_in_the_gallery(page, address):
    for key, kind in (("both", ""), ("here", "forgotten"), ("there", "")):
        page.goto(f"{address}/gallery?sweep=plain&class=class+3&population=all")
        painted(page)
        page.goto(f"{address}/compare?sweep=plain&sparsity=0.9&other=magnitude-0.50")
        button = page.locator(f".st-key-set-{key}-{kind or 'all'} button")
        n = int(re.search(r"[\d,]+", button.inner_text())[0].replace(",", ""))
        settled(page)
        button.click()
        page.wait_for_url("**/gallery?**")
        painted(page)
        assert found(page) == n > 0
        asked = query(page)
        assert "class" not in asked
        assert set(asked) & {"pie_in", "not_pie_in"} == {
            "pie_in" if key == "both" else "not_pie_in"
        }
