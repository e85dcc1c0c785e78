"""Signing in through an OIDC provider: off unless ``[auth]`` stands in Streamlit's secrets.

The secrets are read once, on first use: taking the file away while the server
runs opens nothing.
"""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.errors import UserError
from dashboard.text import plain

_DEFAULT = "default"


def is_required() -> bool:
    """Whether nobody sees anything without having signed in.

    Raises
    ------
    UserError
        The secrets are there and cannot be used: then nobody is let in.
    """
    return "auth" in _secrets()


def passes() -> bool:
    """Whether who looks may see the app.

    Raises
    ------
    UserError
        As :func:`is_required`, or the list of who is allowed is none.
    """
    return not is_required() or _may_enter(_claims())


def show() -> None:
    """Show the page before the app: one button, or why whoever signed in is not let in."""
    claims = _claims()
    with st.container(width=440, key="sign-in"):
        if claims.get("is_logged_in") is True:
            st.title("Not for this account", anchor=False)
            st.error(
                plain(
                    f"{claims.get('email') or 'An account without an e-mail address'} is not among "
                    "those who may see this dashboard. Ask who runs it."
                ),
                icon=":material/lock:",
            )
            st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign-out")
            return
        st.title("Sign in", anchor=False)
        st.write("This dashboard is for those who have an account.")
        if find_spec("authlib") is None:
            st.error(
                "Signing in needs Authlib on the server, which is not installed: python -m pip "
                "install Authlib httpx",
                icon=":material/error:",
            )
            return
        for provider in _providers():
            name = "" if provider == _DEFAULT else f" with {provider}"
            st.button(
                plain(f"Sign in{name}"),
                type="primary",
                icon=":material/login:",
                on_click=st.login,
                args=() if provider == _DEFAULT else (provider,),
                key=f"sign-in-{provider}",
            )


def account() -> None:
    """Show who is signed in, and the way out; nothing where nobody needs to."""
    if not is_required():
        return
    claims = _claims()
    who = str(claims.get("email") or claims.get("name") or "Signed in")
    with st.popover(plain(who), icon=":material/account_circle:", key="account"):
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign-out")


def _may_enter(claims: Mapping[str, Any]) -> bool:
    if claims.get("is_logged_in") is not True:
        return False
    allowed = _allowed()
    if allowed is None:
        return True
    # Whoever can choose an unverified address at the provider could choose one of the list.
    if str(claims.get("email_verified", True)).lower() == "false":
        return False
    email = str(claims.get("email") or "").strip().lower()
    name, at, domain = email.rpartition("@")
    return bool(name and at) and (email in allowed or f"@{domain}" in allowed)


def _allowed() -> frozenset[str] | None:
    """Addresses, and domains with an ``@`` before them; None where whoever signs in is allowed."""
    section = _secrets().get("lethe", {})
    if not isinstance(section, Mapping):
        raise UserError("the secrets' 'lethe' is no section: expected [lethe] with allowed = [...]")
    if "allowed" not in section:
        return None
    listed = section["allowed"]
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise UserError(
            "the secrets' [lethe] allowed is no list of texts: expected such as "
            'allowed = ["ann@example.org", "@example.com"]'
        )
    return frozenset(one.strip().lower() for one in listed)


def _providers() -> list[str]:
    """Name the providers: the one of ``[auth]`` itself, and those of ``[auth.NAME]``."""
    auth = _secrets()["auth"]
    named = [name for name, value in auth.items() if isinstance(value, Mapping)]
    return ([_DEFAULT] if "client_id" in auth or not named else []) + [
        name for name in named if name != "client_kwargs"
    ]


def _claims() -> Mapping[str, Any]:
    """Claims of the identity provider about the visitor."""
    return st.user.to_dict()


@cache
def _secrets() -> dict[str, Any]:
    try:
        if not any(Path(path).exists() for path in st.get_option("secrets.files")):
            return {}
        return st.secrets.to_dict()
    except Exception as error:
        # Whatever is wrong with it: a door whose lock cannot be read stays shut.
        raise UserError(f"the secrets cannot be read, so nobody is let in: {error}") from error
