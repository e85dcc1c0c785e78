"""The time estimate of ``--dry-run`` against the time taken, for three sweeps."""

import re
import subprocess
import sys
import tempfile
import time

_SWEEPS = {
    "tiny_cnn, 80 runs": (
        "--dataset digits-longtail --model tiny_cnn --seeds 10 --epochs 50 "
        "--variants magnitude=0.3,0.5,0.7,0.9,0.95 --variants int8-static --variants int8-dynamic"
    ),
    "resnet10t at 32 pixels, 12 runs": (
        "--dataset digits --model resnet10t --image-size 32 --seeds 4 --epochs 6 "
        "--variants magnitude=0.5,0.9"
    ),
    "mobilenetv3_small_050 at 64 pixels, 12 runs": (
        "--dataset digits --model mobilenetv3_small_050 --image-size 64 --seeds 4 --epochs 6 "
        "--variants structured=0.3 --variants int8-static"
    ),
}
_UNITS = {"s": 1, "min": 60, "h": 3600}


def main() -> None:
    """Print the estimate, the time and their ratio for each sweep."""
    for name, options in _SWEEPS.items():
        with tempfile.TemporaryDirectory() as cache:
            command = [sys.executable, "-m", "analysis", "sweep", "--cache", cache]
            command += ["--device", "cpu", "--name", "s", *options.split()]
            output = subprocess.run(
                [*command, "--dry-run"], check=True, capture_output=True, text=True
            ).stdout
            found = re.search(r"time: about ([\d.]+) (\w+)", output)
            if found is None:
                raise ValueError(f"no estimate in: {output}")
            expected = float(found[1]) * _UNITS[found[2]]
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - started
        print(
            f"{name}: estimated {expected:.0f} s, took {seconds:.0f} s, "
            f"{expected / seconds:.2f} of it (target within 30 %)",
            flush=True,
        )


if __name__ == "__main__":
    main()
