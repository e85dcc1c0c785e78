"""Run all benchmarks, or those named."""

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> int:
    """Run benchmarks in turn; return 2 where one is unknown."""
    known = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name[0] != "_"]
    for name in names:
        if name not in known:
            print(f"no benchmark '{name}'; there: {', '.join(known)}", file=sys.stderr)
            return 2
    for name in names or known:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
