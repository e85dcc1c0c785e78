"""Figures: frame in, plotly figure out; the screen and the exported report draw the same ones."""
