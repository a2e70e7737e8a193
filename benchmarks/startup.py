"""Start-up: `--help` of each step, and compiling all pipelines beside a bare `import kfp`.

    python benchmarks/startup.py

Prints the best of several runs of each, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

from pipelines.steps import STEPS

RUNS = 5


def best(*command: str) -> float:
    """Seconds of the fastest of several runs."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Prints a line for each step, and the ratio of compiling to importing kfp."""
    for step in STEPS:
        print(f"python -m components.{step} --help  {best('-m', f'components.{step}', '--help'):.2f} s")
    with tempfile.TemporaryDirectory() as into:
        compiling = best("-m", "pipelines", "compile", "--into", into)
    importing = best("-c", "import kfp")
    ratio = compiling / importing
    print(f"compiling three pipelines {compiling:.2f} s, import kfp {importing:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
