"""The sections of a report."""

# Titles by their names on the command line, in the order of the page, after the verdict.
SECTIONS = {
    "found": "What was found",
    "variants": "Variants",
    "noise": "Seed noise",
    "pies": "PIEs",
    "curves": "Curves",
    "classes": "Classes",
    "remedies": "Why, and what now",
    "shifts": "Shifts",
    "people": "People",
    "each": "Each variant",
    "made": "How it was made",
    "methods": "Methods",
    "again": "Make it again",
}
