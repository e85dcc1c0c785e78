"""Signing in: nothing of the app before it, who is let in, and the whole way in a browser."""

import re

import pytest
from playwright.sync_api import expect

from analysis.errors import UserError
from dashboard import data, sign_in
from tests.dashboard.conftest import free_port, serving
from tests.dashboard.oidc import CLIENT, provider
from tests.dashboard.test_pages import ALL_PAGES, open_page  # noqa: F401
from tests.synthetic import make_sweep

AUTH = {"client_id": "lethe", "redirect_uri": "http://127.0.0.1/oauth2callback"}
ANN = {"is_logged_in": True, "email": "Ann@Example.org", "name": "Ann"}


@pytest.fixture
def secrets(monkeypatch):
    """Put something into the secrets."""

    def put(**sections):
        monkeypatch.setattr(sign_in, "_secrets", lambda: sections)

    return put


def as_who(monkeypatch, **claims):
    monkeypatch.setattr(sign_in, "_claims", lambda: claims)


def shown(app):
    """Everything the browser was sent, as text."""
    return str(app._tree)


@pytest.mark.parametrize("page", [*ALL_PAGES, "sweeps"])
def test_nothing_of_the_app_is_shown_or_read_before_signing_in(
    tmp_path, open_page, monkeypatch, secrets, page  # noqa: F811
):  # fmt: skip
    make_sweep(tmp_path, "secret-sweep", class_names=["secret-class", "other"])
    secrets(auth=AUTH)
    as_who(monkeypatch, is_logged_in=False)

    def struck(*_):
        raise AssertionError("the cache was read before signing in")

    monkeypatch.setattr(data, "sweep_states", struck)
    monkeypatch.setattr(data, "results", struck)
    app = open_page(page)
    assert [title.value for title in app.title] == ["Sign in"]
    assert [button.label for button in app.button] == ["Sign in"]
    assert "secret" not in shown(app)


def test_whoever_signed_in_sees_the_app_and_the_way_out(tmp_path, open_page, monkeypatch, secrets):  # noqa: F811
    make_sweep(tmp_path)
    secrets(auth=AUTH)
    as_who(monkeypatch, **ANN)
    for page in ("", "sweeps"):
        app = open_page(page)
        assert app.title[0].value in ("Overview", "Sweeps")
        assert "sign-out" in {button.key for button in app.button}


def test_without_secrets_there_is_no_sign_in(tmp_path, open_page, secrets):  # noqa: F811
    make_sweep(tmp_path)
    secrets()
    app = open_page()
    assert app.title[0].value == "Overview"
    assert "sign-out" not in {button.key for button in app.button}


def test_an_account_that_is_not_listed_is_told_and_can_sign_out(open_page, monkeypatch, secrets):  # noqa: F811
    secrets(auth=AUTH, lethe={"allowed": ["@example.com"]})
    as_who(monkeypatch, **ANN | {"email": "<b>x</b>@example.org"})
    app = open_page()
    assert app.title[0].value == "Not for this account"
    assert "\\<b\\>" in app.error[0].value
    assert [button.label for button in app.button] == ["Sign out"]


@pytest.mark.parametrize(
    ("allowed", "claims", "enters"),
    [
        (None, {}, True),
        (["ann@example.org"], {}, True),
        (["@EXAMPLE.org"], {}, True),
        (["@example.org"], {"email_verified": True}, True),
        (["@example.org"], {"email_verified": False}, False),
        (["@example.org"], {"email_verified": "false"}, False),
        (["@example.org"], {"email": "ann@sub.example.org"}, False),
        (["@example.org"], {"email": "ann@evilexample.org"}, False),
        (["@example.org"], {"email": "@example.org"}, False),
        (["@example.org"], {"email": "a@example.org@evil.com"}, False),
        (["@example.org"], {"email": None}, False),
        (["example.org"], {}, False),
        ([], {}, False),
        (None, {"is_logged_in": "yes"}, False),
        (None, {"is_logged_in": False}, False),
    ],
)
def test_who_is_let_in(monkeypatch, secrets, allowed, claims, enters):
    secrets(auth=AUTH, **({} if allowed is None else {"lethe": {"allowed": allowed}}))
    as_who(monkeypatch, **ANN | claims)
    assert sign_in.passes() is enters


@pytest.mark.parametrize("allowed", ["ann@example.org", [1], {"a": 1}])
def test_a_list_that_is_none_lets_nobody_in(open_page, monkeypatch, secrets, allowed):  # noqa: F811
    secrets(auth=AUTH, lethe={"allowed": allowed})
    as_who(monkeypatch, **ANN)
    with pytest.raises(UserError, match="no list of texts"):
        sign_in.passes()
    app = open_page()
    assert app.title[0].value == "Closed"
    assert "example.org" not in shown(app)


def test_several_providers_have_a_button_each(open_page, monkeypatch, secrets):  # noqa: F811
    secrets(auth={"cookie_secret": "x", "lab": {"client_id": "a"}, "town": {"client_id": "b"}})
    as_who(monkeypatch)
    assert [one.label for one in open_page().button] == ["Sign in with lab", "Sign in with town"]


def test_without_authlib_the_page_says_what_to_install(open_page, monkeypatch, secrets):  # noqa: F811
    secrets(auth=AUTH)
    as_who(monkeypatch)
    monkeypatch.setattr(sign_in, "find_spec", lambda _: None)
    app = open_page()
    assert "install Authlib httpx" in app.error[0].value
    assert not app.button


# --- the whole way ---------------------------------------------------------------------------
@pytest.fixture
def served(tmp_path, monkeypatch):
    """Give a function that writes the secrets of whoever serves from here on."""

    def write(text):
        path = tmp_path / ".streamlit" / "secrets.toml"
        path.parent.mkdir()
        path.write_text(text)
        monkeypatch.setenv("HOME", str(tmp_path))

    return write


def secret_text(issuer, port, more=""):
    return (
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
        f'cookie_secret = "{"k" * 40}"\nclient_id = "{CLIENT}"\nclient_secret = "s"\n'
        f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n{more}'
    )


def test_signing_in_and_out_in_a_browser(tmp_path, page, served):
    cache = tmp_path / "cache"
    make_sweep(cache)
    port = free_port()
    with provider({"email": "ann@example.org", "email_verified": True}) as issuer:
        served(secret_text(issuer, port, '[lethe]\nallowed = ["@example.org"]\n'))
        with serving(cache, port) as (address, _):
            page.goto(f"{address}/gallery?sweep=made")
            button = page.get_by_role("button", name="Sign in")
            expect(button).to_be_visible()
            expect(page.get_by_text("Overview")).to_have_count(0)
            button.click()
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            page.get_by_role("button", name=re.compile("ann@\u2060?example.org")).click()
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_an_account_that_is_not_listed_stays_outside_in_a_browser(tmp_path, page, served):
    cache = tmp_path / "cache"
    make_sweep(cache)
    port = free_port()
    with provider({"email": "eve@example.com"}) as issuer:
        served(secret_text(issuer, port, '[lethe]\nallowed = ["@example.org"]\n'))
        with serving(cache, port) as (address, _):
            page.goto(address)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="Not for this account")).to_be_visible()
            expect(page.get_by_text("Overview")).to_have_count(0)
