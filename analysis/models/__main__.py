"""List the names for ``sweep --model``, one a line: ``python -m analysis.models [TEXT]``."""

import sys

from analysis.models.factory import model_names

if __name__ == "__main__":
    text = "".join(sys.argv[1:2])
    print("\n".join(name for name in model_names() if text in name))
