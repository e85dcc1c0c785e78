"""The sections of a report."""

# By their names on the command line, in the order of the page, which begins with the verdict.
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
