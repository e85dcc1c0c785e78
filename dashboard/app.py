"""The router: page configuration, navigation, and the page that the address names."""

import sys
from pathlib import Path

import streamlit as st

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from dashboard import pages, state  # noqa: E402  (the root is on the path from here on)

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Configure the page, draw the navigation and run the page chosen."""
    st.set_page_config(page_title="Lethe", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.logo(str(HERE / "logo.svg"), size="large")
    st.html(HERE / "style.css")
    page = st.navigation(pages.all_pages(), position="top")
    state.arrive(page.url_path)
    page.run()


main()
