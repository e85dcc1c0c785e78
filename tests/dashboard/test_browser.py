import re
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from playwright.sync_api import expect

from analysis.export.contact_sheet import A4
from tests.dashboard.browsing import COUNT, TILE, change, choose, found, painted, query, settled
from tests.dashboard.conftest import HOSTILE


def test_all_tiles_of_a_page_are_painted_without_scrolling(page, address):
    page.goto(f"{address}/gallery?sweep=plain&population=all")
    assert len(set(painted(page, 60))) == 60
    assert page.inner_text(COUNT).startswith("60 of 1,500 images")
    alt = page.get_attribute(f"{TILE} img", "alt")
    assert "true label" in alt
    assert "Dense says" in alt


def test_population_kind_variant_and_class_filter(page, address):
    page.goto(f"{address}/gallery?sweep=plain")
    painted(page)
    pies = found(page)
    populations = page.locator(".st-key-filter-population label")
    change(page, lambda: populations.filter(has_text="Non-PIEs").click())
    assert found(page) == 1500 - pies
    assert query(page)["population"] == ["non-pies"]
    change(page, lambda: populations.filter(has_text="PIEs").first.click())
    change(page, lambda: page.locator(".st-key-filter-kind label", has_text="changed").click())
    assert query(page)["kind"] == ["changed"]
    assert 0 < found(page) < pies
    assert set(page.locator(".lethe-kind").all_inner_texts())
    assert all("changed" in text for text in page.locator(".lethe-kind").all_inner_texts())
    change(page, lambda: page.get_by_test_id("gallery-reset").click())
    assert "kind" not in query(page)
    assert found(page) == pies
    change(page, lambda: choose(page, "filter-class", "class 3"))
    assert query(page)["class"] == ["class 3"]
    assert set(page.locator(f"{TILE} strong").all_inner_texts()) == {"class 3"}
    change(page, lambda: choose(page, "filter-method", "int8-static"))
    assert query(page)["method"] == ["int8-static"]
    assert query(page)["class"] == ["class 3"]


def test_pages_turn_and_a_filter_goes_back_to_the_first(page, address):
    page.goto(f"{address}/gallery?sweep=plain&population=all&per_page=100&sort=image_id&order=asc")
    assert painted(page, 100) == [str(i) for i in range(100)]
    assert page.get_by_test_id("gallery-previous").is_disabled()
    change(page, lambda: page.get_by_test_id("gallery-next").click())
    assert painted(page, 100)[0] == "100"
    assert query(page)["page"] == ["2"]
    change(page, lambda: page.get_by_label("Go to page").fill("15") or page.keyboard.press("Enter"))
    assert painted(page, 100)[0] == "1400"
    assert page.get_by_test_id("gallery-next").is_disabled()
    change(page, lambda: page.locator(".st-key-filter-order button", has_text="Falling").click())
    assert painted(page, 100)[0] == "1499"
    assert "page" not in query(page)


def test_a_click_shows_the_image_large_with_every_variants_votes(page, address):
    page.goto(f"{address}/gallery?sweep=plain")
    ids = painted(page)
    page.locator(TILE).nth(1).click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    assert query(page)["image"] == [ids[1]]
    rows = page.get_by_test_id("detail-votes")
    variants = rows.evaluate_all("rows => rows.map(row => row.dataset.variantId)")
    assert variants[0] == "dense"
    assert variants[1:] == ["magnitude-0.50", "magnitude-0.90", "magnitude-0.95", "int8-static"]
    small = page.locator(f"{TILE} img").nth(1).bounding_box()["width"]
    assert page.get_by_test_id("detail-image").bounding_box()["width"] > 1.5 * small
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("h2")).to_contain_text(f"Image {ids[2]}:")
    page.get_by_test_id("detail-previous").click()
    expect(dialog.locator("h2")).to_contain_text(f"Image {ids[1]}:")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.wait_for_function("() => !location.search.includes('image=')")


def test_the_keyboard_alone_reaches_a_tile_and_opens_it(page, address):
    page.goto(f"{address}/gallery?sweep=plain")
    ids = painted(page)
    page.locator(TILE).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.imageId") == ids[1]
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open] h2")).to_contain_text(f"Image {ids[1]}:")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.evaluate("document.activeElement.dataset.imageId") == ids[1]


def test_a_pasted_link_opens_the_same_view(page, browser, address):
    page.goto(f"{address}/gallery?sweep=plain&variant=magnitude-0.90&population=all")
    painted(page)
    change(page, lambda: choose(page, "filter-class", "class 7"))
    change(page, lambda: choose(page, "filter-sort", "Image id"))
    change(page, lambda: page.get_by_test_id("gallery-next").click())
    ids = painted(page)
    link = page.url
    fresh = browser.new_page()
    fresh.goto(link)
    assert painted(fresh, len(ids)) == ids
    assert fresh.inner_text(COUNT) == page.inner_text(COUNT)
    assert fresh.url == link
    fresh.close()


def test_values_nobody_knows_fall_back_with_a_note(page, address):
    page.goto(f"{address}/gallery?sweep=plain&variant=magnitude-0.77&page=99&image=99999&kind=lost")
    painted(page)
    assert page.get_by_test_id("stAlert").count() == 3
    expect(page.get_by_text("beyond the last")).to_be_visible()


@pytest.mark.parametrize("format", ["PNG", "SVG", "PDF", "HTML", "JSON", "CSV"])
def test_a_figure_downloads(page, address, format):
    page.goto(f"{address}/classes?sweep=plain")
    page.locator(".st-key-download-class-impact button").first.click()
    with page.expect_download(timeout=90_000) as waiting:
        page.get_by_role("button", name=format, exact=True).click()
    content = Path(waiting.value.path()).read_bytes()
    # What the figure draws is not the table it rests on, which is offered beside it.
    stem = "plain-class-impact-magnitude-0.95" + ("-drawn" if format == "CSV" else "")
    name = f"{stem}.{format.lower()}"
    assert waiting.value.suggested_filename == name
    begins = {
        "PNG": b"\x89PNG",
        "SVG": b"<svg",
        "PDF": b"%PDF",
        "HTML": b"<!doc",
        "JSON": b"{",
        "CSV": b"series",
    }
    assert content.startswith(begins[format])


def test_a_class_bar_opens_the_gallery_of_that_class(page, address):
    page.goto(f"{address}/classes?sweep=plain")
    click(page, page.locator(".st-key-figure-class-impact .bars .point path").first)
    page.wait_for_url("**/gallery?**")
    painted(page)
    assert len(query(page)["class"]) == 1
    assert set(page.locator(f"{TILE} strong").all_inner_texts()) == set(query(page)["class"])


def click(page, locator):
    locator.wait_for(state="attached")
    locator.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = locator.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_a_confusion_cell_opens_the_gallery_of_that_flow(page, address):
    page.goto(f"{address}/classes?sweep=plain")
    click(page, page.locator(".st-key-figure-confusion .scatterlayer .point").first)
    page.wait_for_url("**/gallery?**")
    painted(page)
    asked = query(page)
    assert asked["class_of"] == ["dense"]
    flow = f"{asked['class'][0]} → {asked['becomes'][0]}"
    assert set(page.locator(f"{TILE} .lethe-line:nth-child(2)").all_inner_texts()) == {flow}


def test_a_point_of_a_curve_opens_the_gallery_of_its_variant(page, address):
    page.goto(f"{address}/curves?sweep=plain")
    click(page, page.locator(".st-key-figure-curve-top1 .scatterlayer .trace .point").first)
    page.wait_for_url("**/gallery?**")
    painted(page)
    assert query(page)["variant"] == ["magnitude-0.50"]


def test_a_table_downloads_as_csv_parquet_and_json(page, address):
    page.goto(f"{address}/export?sweep=plain")
    for label, start in (("CSV", b"variant_id,"), ("Parquet", b"PAR1"), ("JSON", b"[")):
        button = page.locator(f".st-key-table-{label.lower()} button")
        with page.expect_download() as waiting:
            button.click()
        assert waiting.value.suggested_filename == f"plain-summary.{label.lower()}"
        assert Path(waiting.value.path()).read_bytes().startswith(start)


def test_images_leave_as_a_zip_and_as_a_contact_sheet(page, address):
    page.goto(f"{address}/export?sweep=hostile")
    button = page.locator("[class*=st-key-ways-out-download-export] button")
    with page.expect_download() as waiting:
        button.click()
    assert waiting.value.suggested_filename == "hostile-magnitude-0.95-export.zip"
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.testzip() is None
        pictures = [name for name in archive.namelist() if name.startswith("images/")]
    expect(button).to_have_text(re.compile(rf"Download {len(pictures)} images"))
    settled(page)
    choose(page, "ways-out-format-export", "Contact sheet, PNG")
    expect(page.get_by_text("One picture, as wide as an A4 page")).to_be_visible()
    settled(page)
    # A button of its own: that of the ZIP may still be on its way out.
    with page.expect_download() as waiting:
        page.locator(".st-key-ways-out-download-export-contact-sheet-png button").click()
    with Image.open(waiting.value.path(), formats=["PNG"]) as sheet:
        assert sheet.width == A4[0]
    assert page.dialogs == []


@pytest.mark.parametrize("name", ["", "gallery", "classes", "curves", "export"])
def test_hostile_class_names_run_nothing(page, address, name):
    page.goto(f"{address}/{name}?sweep=hostile&image=3")
    page.wait_for_selector("h1")
    page.wait_for_timeout(1500)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    assert page.dialogs == []
    assert page.evaluate("window.struck") is None
    assert (
        page.locator("main strong", has_text="bold").count()
        == page.locator(f"{TILE} strong", has_text="**bold**").count()
    )


def test_a_hostile_class_name_filters_like_any_other(page, address):
    page.goto(f"{address}/gallery?sweep=hostile&population=all&class={quote(HOSTILE[0])}")
    painted(page)
    assert set(page.locator(f"{TILE} strong").all_inner_texts()) == {HOSTILE[0]}
    change(page, lambda: page.get_by_label(f"Remove filter true label: {HOSTILE[0]}").click())
    assert "class" not in query(page)
