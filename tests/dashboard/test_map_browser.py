"""The page Map in a real browser: points, lasso, rectangle, legend, hover, slices, and back."""

import pytest
from playwright.sync_api import expect

from analysis.store import Cache
from tests.dashboard.browsing import found, painted, query, settled
from tests.dashboard.conftest import free_port, serving
from tests.synthetic import make_sweep, with_map

PAINTED = ".lethe-map[data-painted]"
NAMES = [f"class {i}" for i in range(10)]
VARIANTS = ("magnitude=0.5,0.9", "int8-static")
# Where on the screen the image of an id lies, and a place far from every point.
PLACE = """id => {
  const map = document.querySelector('.lethe-map').lethe;
  const i = map.ids.indexOf(id);
  const [left, top] = map.toScreen(map.xs[i], map.ys[i]);
  const box = map.above.getBoundingClientRect();
  return [box.left + left, box.top + top];
}"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A cache with two sweeps: one with many images and a map, one without features."""
    root = tmp_path_factory.mktemp("maps")
    with_map(make_sweep(root, "mapped", n_images=1500, seeds=2, variants=VARIANTS,
                        class_names=NAMES))  # fmt: skip
    make_sweep(root, "bare", seeds=2)
    return root


@pytest.fixture(scope="module")
def served(place):
    with serving(place, free_port()) as (address, _):
        yield address


def visit(page, served, **params):
    asked = "&".join(f"{name}={value}" for name, value in params.items())
    page.goto(f"{served}/map?sweep=mapped&{asked}")
    page.wait_for_selector(PAINTED)
    settled(page)


def drag(page, corners):
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()


def around(page, image_id, by=60):
    """Corners of a square around an image, in the whole of which its class lies."""
    x, y = page.evaluate(PLACE, image_id)
    return [(x - by, y - by), (x + by, y - by), (x + by, y + by), (x - by, y + by)]


def n_selected(page):
    words = page.locator(".st-key-map-selected strong").inner_text()
    return int(words.split(" ")[0].replace(",", ""))


def test_a_lasso_opens_exactly_its_images_in_the_gallery(page, served, place):
    label = Cache(place).sweep("mapped").read_images(["label"])["label"].to_numpy()
    visit(page, served)
    assert page.inner_text("[data-testid=map-count]") == "1,500 images"
    drag(page, around(page, 0))
    page.wait_for_selector(".st-key-map-selected")
    settled(page)
    n = n_selected(page)
    ids = page.evaluate(
        "() => { const m = document.querySelector('.lethe-map').lethe;"
        " return [...m.ids].filter((_, i) => m.chosen[i]); }"
    )
    assert len(ids) == n > 50
    assert {int(one) for one in label[ids]} == {int(label[0])}
    assert n == int((label == label[0]).sum())
    page.locator(".st-key-map-gallery button").click()
    painted(page)
    assert found(page) == n
    assert query(page)["population"] == ["all"]
    # Back, the same images are selected; the chip takes them away.
    page.get_by_role("link", name="Map").click()
    page.wait_for_selector(".st-key-map-selected")
    assert n_selected(page) == n
    page.get_by_role("link", name="Gallery").click()
    painted(page)
    page.locator(".lethe-chip").filter(has_text="selected on the map").click()
    page.wait_for_function("() => !new URLSearchParams(location.search).has('selected')")


def test_many_images_have_a_short_address_that_lasts(page, served):
    visit(page, served)
    page.locator("[data-testid=map-box]").click()
    box = page.locator("[data-testid=image-map]").bounding_box()
    left, top = box["x"] + 3, box["y"] + 3
    drag(page, [(left, top), (left + box["width"] - 6, top + box["height"] - 6)])
    page.wait_for_selector(".st-key-map-selected")
    settled(page)
    assert n_selected(page) == 1500
    (text,) = query(page)["selected"]
    assert len(text) == 17
    page.goto(f"{served}/gallery?sweep=mapped&population=all&selected={text}")
    painted(page)
    assert found(page) == 1500
    page.goto(f"{served}/gallery?sweep=mapped&selected=~0000000000000000&slice=nobody")
    painted(page)
    text = page.inner_text("[data-testid=stApp]")
    assert "slice=nobody is not available here" in text
    assert "selected=~0000000000000000 is not available here" in text


def test_the_pointer_sees_the_thumbnail_and_a_click_keeps_it(page, served):
    visit(page, served)
    x, y = page.evaluate(PLACE, 7)
    page.mouse.move(x - 40, y - 40)
    page.mouse.move(x, y)
    tip = page.locator(".lethe-map-tip")
    expect(tip).to_have_attribute("data-told", "")
    seen = tip.get_attribute("data-image-id")
    assert tip.locator("img").evaluate("i => i.complete && i.naturalWidth > 0")
    assert f"Image {seen}: class" in tip.inner_text()
    page.mouse.down()
    page.mouse.up()
    link = tip.get_by_role("link", name="Open the image")
    expect(link).to_be_visible()
    page.mouse.move(5, 5)
    expect(link).to_be_visible()
    link.click()
    page.wait_for_selector(".st-key-image-neighbors img")
    assert query(page)["image"] == [seen]
    assert page.locator(".st-key-image-neighbors .lethe-strip-tile").count() == 12


def test_the_legend_selects_and_a_slice_is_kept_and_removed(page, served, place):
    visit(page, served, color="class")
    page.locator(".lethe-map-entry").filter(has_text="class 3").click()
    page.wait_for_selector(".st-key-map-selected")
    settled(page)
    n = n_selected(page)
    page.locator(".st-key-map-slice button").click()
    page.locator(".st-key-slice-name input").fill("  threes <b>")
    page.locator(".st-key-slice-name input").press("Enter")
    settled(page)
    page.locator(".st-key-slice-keep button").click()
    entry = page.get_by_role("button", name=f"threes <b> ({n})")
    expect(entry).to_be_visible()
    marks = Cache(place).sweep("mapped").marks
    assert len(marks.read().slices["threes <b>"]) == n
    page.keyboard.press("Escape")
    settled(page)
    entry.click()
    page.wait_for_function("() => new URLSearchParams(location.search).has('slice')")
    page.goto(f"{served}/gallery?sweep=mapped&population=all&slice=threes+%3Cb%3E")
    painted(page)
    assert found(page) == n
    expect(page.locator(".lethe-chip").filter(has_text="slice: threes <b>")).to_be_visible()
    visit(page, served)
    page.locator("[class*=st-key-slice-remove-] button:visible").first.click()
    expect(page.locator(".st-key-slice-forget button")).to_be_visible()
    assert marks.read().slices
    page.locator(".st-key-slice-forget button").click()
    expect(page.locator("[class*=st-key-slice-remove-]")).to_have_count(0)
    assert marks.read().slices == {}


def test_classes_filter_what_is_drawn_and_what_can_be_selected(page, served, place):
    label = Cache(place).sweep("mapped").read_images(["label"])["label"].to_numpy()
    visit(page, served, **{"class": "class 2", "color": "confidence"})
    n = int((label == 2).sum())
    assert page.inner_text("[data-testid=map-count]") == f"{n} images"
    assert page.locator(".lethe-map-scale").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_map_whole(page, served, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    visit(page, served)
    box = page.locator("[data-testid=image-map]").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_features_the_command_is_named(page, served, place):
    page.goto(f"{served}/map?sweep=bare")
    expect(page.locator("[data-testid=stCode]")).to_contain_text("features --cache")
    assert not (place / "bare" / "derived" / "maps").exists()


def test_a_read_only_dashboard_selects_and_writes_nothing(page, tmp_path):
    root = tmp_path / "cache"
    with_map(make_sweep(root, "mapped", n_images=600, seeds=2, class_names=NAMES))
    bare = with_map(make_sweep(root, "other", seeds=2))
    for one in (bare.path / "derived" / "maps").rglob("*.parquet"):
        one.unlink()
    before = sorted(str(one) for one in (root / "mapped").rglob("*"))
    with serving(root, free_port(), "--read-only") as (address, _):
        visit(page, address)
        page.locator(".lethe-map-entry").filter(has_text="no PIE").click()
        page.wait_for_selector(".st-key-map-selected")
        settled(page)
        n = n_selected(page)
        assert n > 200
        assert page.locator(".st-key-map-slice").count() == 0
        page.locator(".st-key-map-gallery button").click()
        painted(page)
        assert found(page) == n
        page.goto(f"{address}/map?sweep=other")
        expect(page.locator("[data-testid=stCode]")).to_contain_text("analysis map --cache")
    assert sorted(str(one) for one in (root / "mapped").rglob("*")) == before


def test_a_map_is_made_beside_the_page(page, tmp_path):
    root = tmp_path / "cache"
    folder = with_map(make_sweep(root, "mapped", seeds=2))
    for one in (folder.path / "derived" / "maps").rglob("*.parquet"):
        one.unlink()
    with serving(root, free_port()) as (address, _):
        page.goto(f"{address}/map?sweep=mapped")
        page.wait_for_selector(PAINTED, timeout=600_000)
    assert list((folder.path / "derived" / "maps").rglob("*.parquet"))
