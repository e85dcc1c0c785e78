"""Two ONNX files from the form to their Overview, in a browser."""

from playwright.sync_api import expect

from analysis.store import Cache
from tests.dashboard.browsing import settled
from tests.dashboard.conftest import free_port, serving
from tests.dashboard.test_sweeps_browser import fill
from tests.given.nets import write_linear


def choose(page, label, option):
    field = page.get_by_role("combobox", name=label, exact=True)
    field.fill(option)
    field.press("Enter")
    settled(page)


def test_models_are_named_tried_run_and_opened(tmp_path, page):
    net, slim = tmp_path / "net.onnx", tmp_path / "slim.onnx"
    write_linear(net)
    write_linear(slim, noise=0.3)
    cache = tmp_path / "cache"
    cache.mkdir()
    with serving(cache, free_port()) as (address, _):
        page.goto(f"{address}/sweeps?part=models")
        models = page.get_by_role("textbox", name="VARIANT=MODEL, one per line")
        models.fill(f"dense={net}\nslim={slim}")
        models.press("Control+Enter")
        settled(page)
        choose(page, "Dataset", "digits")
        choose(page, "Normalization", "none")
        fill(page, "Name", "pair")
        code = page.locator("[data-testid=stCode]").first
        expect(code).to_contain_text(f"--normalize none --models dense={net} slim={slim}")
        page.get_by_role("button", name="Try the models").click()
        expect(page.get_by_text("2 models can be run")).to_be_visible(timeout=120_000)
        assert Cache(cache).names() == []
        page.get_by_role("button", name="Start", exact=True).click()
        outcome = page.locator(".st-key-outcome")
        expect(outcome).to_contain_text("2 of 2 runs done", timeout=120_000)
        expect(outcome).to_contain_text("outputs 10 logits")
        assert Cache(cache).existing("pair").manifest().is_complete
        outcome.get_by_role("link", name="Open its Overview").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        assert "sweep=pair" in page.url
    assert page.dialogs == []
