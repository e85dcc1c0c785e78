"""Tables on the screen, drawn in one place: what is missing is a dash in all of them."""

from typing import Any

import pandas as pd
import streamlit as st

from analysis.presentation.formatting import NOTHING


def frame(shown: pd.DataFrame, **more: Any) -> Any:
    """Show a table; what is missing is a dash, in cells of numbers and of text alike.

    Parameters
    ----------
    shown
        The table.
    more
        Arguments of ``st.dataframe``.

    Returns
    -------
    object
        What was selected.
    """
    return st.dataframe(shown, hide_index=True, placeholder=NOTHING, **more)
