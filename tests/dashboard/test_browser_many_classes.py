from playwright.sync_api import expect

from tests.dashboard.browsing import TILE, change, found, painted, query, settled

PICKER = ".st-key-filter-class"


def typed(page, text, picker=PICKER):
    page.locator(f"{picker} [data-testid=stTextInput] input").fill(text)
    page.keyboard.press("Enter")


def listed(page):
    page.locator(f"{PICKER} [data-testid=stMultiSelect] input").first.click()
    return page.get_by_role("option").filter(has_text="kind")


def test_of_many_classes_some_are_listed_and_any_is_found_by_name(page, address):
    page.goto(f"{address}/gallery?sweep=many&population=all")
    painted(page, 60)
    settled(page)
    assert 0 < listed(page).count() <= 101
    page.keyboard.press("Escape")
    change(page, lambda: typed(page, "KIND 399"))
    assert query(page)["class"] == ["kind 399"]
    assert 0 < found(page) < 60
    assert set(page.locator(f"{TILE} strong").all_inner_texts()) == {"kind 399"}


def test_a_part_of_many_names_lists_them(page, address):
    page.goto(f"{address}/gallery?sweep=many&population=all")
    painted(page, 60)
    settled(page)
    typed(page, "kind 12")
    expect(page.locator(PICKER)).to_contain_text("10 classes have “kind 12” in their names.")
    settled(page)
    options = listed(page)
    expect(options).to_have_count(10)
    change(page, lambda: options.filter(has_text="kind 127").click())
    assert query(page)["class"] == ["kind 127"]


def test_a_curve_of_one_of_many_classes_is_found_by_typing(page, address):
    page.goto(f"{address}/curves?sweep=many&of=class")
    settled(page)
    typed(page, "kind 321", ".st-key-filter-of_class")
    expect(page.get_by_text("Recall of kind 321 against sparsity")).to_be_visible()
    assert query(page)["of_class"] == ["kind 321"]
