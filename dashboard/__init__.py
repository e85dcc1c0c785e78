"""The Streamlit side of Lethe: what was computed, shown; it never trains and never imports torch."""
