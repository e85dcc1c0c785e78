"""Predictions from a file of one's own to their Overview, in a browser; and refused in words."""

import re

import pytest
from playwright.sync_api import expect

from analysis.store import Cache
from tests.dashboard.browsing import painted, settled
from tests.dashboard.conftest import free_port, serving
from tests.dashboard.mine import COLUMNS, N, csv
from tests.dashboard.test_sweeps_browser import fill


@pytest.fixture
def form(tmp_path, page):
    """The form of an import, opened as somebody does who has just installed Lethe."""
    with serving(tmp_path, free_port()) as (address, _):
        page.goto(address)
        page.get_by_role("link", name="Predictions made elsewhere").click()
        settled(page)
        yield page
    assert page.dialogs == []


def upload(page, content, name="results.csv"):
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "text/csv", "buffer": content}]
    )
    expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    settled(page)


def name_columns(page):
    """Choose the one column whose name is no usual one."""
    page.get_by_role("combobox", name="variant_id").click()
    page.get_by_role("option", name=COLUMNS["variant_id"], exact=True).click()
    settled(page)


def test_a_table_is_uploaded_mapped_imported_and_opened(tmp_path, form):
    upload(form, csv())
    name_columns(form)
    fill(form, "Name", "mine")
    code = form.locator("[data-testid=stCode]").first
    expect(code).to_contain_text("results.csv --name mine --map path=file")
    form.get_by_role("button", name="Start", exact=True).click()
    outcome = form.locator(".st-key-outcome")
    expect(outcome).to_contain_text(f"imported 2 runs of 2 variants on {N} images of 3 classes")
    expect(outcome).to_contain_text("no column 'seed'")
    outcome.get_by_role("link", name="Open its Overview").click()
    expect(form.get_by_role("heading", name="Overview")).to_be_visible()
    expect(form.get_by_role("combobox", name="Sweep").first).to_be_visible()
    assert "sweep=mine" in form.url
    settled(form)
    assert Cache(tmp_path).existing("mine").manifest().origin == "imported"
    form.get_by_role("link", name="Gallery", exact=True).click()
    assert painted(form)


def test_an_image_that_a_model_lacks_is_told_and_can_be_allowed(tmp_path, form):
    upload(form, csv(without=7))
    name_columns(form)
    fill(form, "Name", "mine")
    form.get_by_role("button", name="Start", exact=True).click()
    told = form.get_by_test_id("stAlert").filter(has_text="Nothing was imported into sweep mine.")
    expect(told).to_contain_text("c1/7.png", timeout=60_000)
    expect(told).to_contain_text("--allow-missing")
    assert Cache(tmp_path).names() == []
    # The form is there again, as it was filled in, with the file.
    expect(form.get_by_text("Chosen before: results.csv")).to_be_visible()
    form.get_by_text("Allow missing", exact=True).click()
    settled(form)
    form.get_by_role("button", name="Start", exact=True).click()
    outcome = form.locator(".st-key-outcome")
    expect(outcome).to_contain_text(re.compile(f"on {N - 1} images"), timeout=60_000)
