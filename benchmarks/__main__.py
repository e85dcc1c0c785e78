"""Run the named benchmarks, or all, each in its own process; options follow a single name."""

import pkgutil
import subprocess
import sys

import benchmarks


def main(names: list[str]) -> int:
    """Run benchmarks in turn; return 2 where one is unknown, 3 where one failed."""
    known = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name[0] != "_"]
    options = names[1:] if names[1:] and names[1].startswith("-") else []
    names = names[: len(names) - len(options)]
    for name in names:
        if name not in known:
            print(f"no benchmark '{name}'; expected {', '.join(known)}", file=sys.stderr)
            return 2
    failed = False
    for name in names or known:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        failed |= subprocess.run(command, check=False).returncode != 0
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
