"""One thin file a page: the selection, the data, the figure, the screen. Views import no views."""
