"""Figures: numbers on the info, titles on the layout, files in a real browser."""
