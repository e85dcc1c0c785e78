"""Statistics against hand-made tables, slow loops and other libraries."""
