"""Start-up: `--help` of each step, and compiling all pipelines beside a bare `import kfp`.

    python benchmarks/startup.py

Prints the best of several runs of each, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from pipelines.steps import STEPS

RUNS = 5


def best(*commands: Sequence[str]) -> list[float]:
    """Seconds of the fastest of several runs of each command, run in turns."""
    return [
        min(times) for times in zip(*([seconds(command) for command in commands] for _ in range(RUNS)), strict=True)
    ]


def seconds(command: Sequence[str]) -> float:
    """How long Python takes for a command."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Prints a line for each step, and the ratio of compiling to importing kfp."""
    for step in STEPS:
        print(f"python -m components.{step} --help  {best(['-m', f'components.{step}', '--help'])[0]:.2f} s")
    with tempfile.TemporaryDirectory() as into:
        compiling, importing = best(["-m", "pipelines", "compile", "--into", into], ["-c", "import kfp"])
    ratio = compiling / importing
    print(f"compiling three pipelines {compiling:.2f} s, import kfp {importing:.2f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
