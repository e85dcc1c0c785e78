from playwright.sync_api import expect

from tests.dashboard.browsing import TILE, change, found, painted, query, settled

PICKER = ".st-key-filter-class"


def test_typing_in_the_class_filter_finds_one_of_many_classes(page, address):
    sent = []
    page.on("websocket", lambda one: one.on("framereceived", lambda frame: sent.append(len(frame))))
    page.goto(f"{address}/gallery?sweep=many&population=all")
    painted(page, 60)
    settled(page)
    assert sum(sent) < 1_000_000
    field = page.locator(f"{PICKER} input")
    expect(field).to_have_count(1)  # no other field to find a class with

    def choose():
        field.fill("KIND 399")
        expect(page.get_by_role("option")).to_have_count(1)
        page.keyboard.press("Enter")

    change(page, choose)
    assert query(page)["class"] == ["kind 399"]
    assert 0 < found(page) < 60
    assert set(page.locator(f"{TILE} strong").all_inner_texts()) == {"kind 399"}


def test_a_part_of_many_names_lists_them(page, address):
    page.goto(f"{address}/gallery?sweep=many&population=all")
    painted(page, 60)
    settled(page)
    page.locator(f"{PICKER} input").fill("kind 12")
    options = page.get_by_role("option")
    expect(options).to_have_count(10)
    change(page, lambda: options.filter(has_text="kind 127").click())
    assert query(page)["class"] == ["kind 127"]


def test_a_curve_of_one_of_many_classes_is_found_by_typing(page, address):
    page.goto(f"{address}/curves?sweep=many&of=class")
    settled(page)
    page.locator(".st-key-filter-of_class input").fill("kind 321")
    page.get_by_role("option").filter(has_text="kind 321").first.click()
    expect(page.get_by_text("Recall of kind 321 against sparsity")).to_be_visible()
    assert query(page)["of_class"] == ["kind 321"]
