"""A sweep from the form to its gallery, in a browser."""

import re

from playwright.sync_api import expect

from analysis.store import Cache
from tests.dashboard.browsing import painted, settled
from tests.dashboard.conftest import free_port, serving


def fill(page, label, text):
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")
    settled(page)


def test_a_sweep_is_filled_in_estimated_started_watched_and_opened(tmp_path, page):
    with serving(tmp_path, free_port()) as (address, _):
        page.goto(address)
        page.get_by_role("link", name="Train a sweep here").click()
        page.get_by_text("The command", exact=True).wait_for()
        page.get_by_text("Corruptions, and fewer or smaller images").click()
        for label, text in (
            ("Epochs", "2"), ("Seeds per variant", "2"), ("Sparsities", "0.95"), ("Workers", "1"),
            ("Name", "tried"), ("Test images", "200"),
        ):  # fmt: skip
            fill(page, label, text)
        code = page.locator("[data-testid=stCode]").first
        for words in ("--name tried", "magnitude=0.95", "--epochs 2", "--seeds 2", "--workers 1"):
            expect(code).to_contain_text(words)
        page.get_by_role("button", name="Estimate").click()
        expect(page.get_by_text("time: about")).to_be_visible(timeout=120_000)
        assert not (tmp_path / "tried").exists()
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=60_000)
        page.reload()
        expect(page.locator(".st-key-sweep-tried")).to_contain_text("complete", timeout=120_000)
        expect(page.get_by_role("button", name=re.compile("^(Stop|Resume)$"))).to_have_count(0)
        assert Cache(tmp_path).sweep("tried").manifest().is_complete
        page.get_by_role("link", name="Open").click()
        page.get_by_role("link", name="Gallery", exact=True).click()
        assert painted(page)
    assert page.dialogs == []
