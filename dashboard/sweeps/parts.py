"""The parts of the page Sweeps, as its address calls them."""

PART = "part"
LIST, TRAIN, IMPORT, MODELS = "cache", "new", "import", "models"
PARTS = {
    LIST: "In the cache",
    TRAIN: "Train a sweep",
    IMPORT: "Import predictions",
    MODELS: "Given models",
}
