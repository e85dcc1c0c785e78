"""The parts of the page Sweeps, as its address calls them."""

PART = "part"
LIST, TRAIN, IMPORT = "cache", "new", "import"
PARTS = {LIST: "In the cache", TRAIN: "Train a sweep", IMPORT: "Import predictions"}
