"""The router: page configuration, navigation, and the page that the address names."""

import sys
from importlib import import_module
from pathlib import Path

import streamlit as st

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from analysis.errors import LetheError  # noqa: E402  (the root is on the path from here on)
from dashboard import pages, sign_in, state  # noqa: E402  (the root is on the path from here on)

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Configure the page, draw the navigation and run the page chosen."""
    st.set_page_config(page_title="Lethe", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.html(HERE / "style.css")
    if not _is_let_in():
        return
    token = st.query_params.get("rater")
    if token is not None:
        # Whoever comes by a rater's link sees one study, and no way to anything else.
        st.navigation(pages.all_pages(_draw), position="hidden")
        import_module("dashboard.annotate.invited").show(token)
        return
    st.logo(str(HERE / "logo.svg"), size="large")
    page = st.navigation(pages.all_pages(_draw), position="top")
    state.arrive(page.url_path)
    page.run()


def _draw(name: str) -> None:
    heading, controls = st.columns([1, 3], vertical_alignment="bottom")
    heading.title(pages.title(name), anchor=False, help=pages.words(name))
    # What is heavy is imported only now, with the heading on the screen.
    from dashboard import shell

    view = import_module(f"dashboard.views.{name}").show
    shell.show(controls, view, is_of_one_sweep=pages.is_of_one_sweep(name))


def _is_let_in() -> bool:
    """Ask for a sign-in where one is needed, before any page or data of the cache is touched."""
    try:
        if sign_in.passes():
            return True
        st.navigation(pages.all_pages(_draw), position="hidden")
        sign_in.show()
    except LetheError as problem:
        st.navigation(pages.all_pages(_draw), position="hidden")
        st.title("Closed", anchor=False)
        st.error("The sign-in of this dashboard is not set up well; its log says how.")
        print(f"python -m dashboard: {problem}", file=sys.stderr)
    return False


main()
