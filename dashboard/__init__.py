"""The Streamlit side of Lethe: what was computed, shown; it never imports torch."""
