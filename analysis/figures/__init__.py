"""Figures: a frame in, a Plotly figure out, the same ones for the screen and the report."""
