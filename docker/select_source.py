"""Copies the source an image needs: the shared code, its steps, and of the other steps what checks their options.

    python3 select_source.py components /app/components resolve ingest

Kubeflow definitions stay out, and every file gets the same time: equal source gives an equal layer, so that
a change of one step changes only the image that runs it.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

CHECKED_BY = "resolve"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "component.py")
CHECK_FILES = ("__init__.py", "__main__.py", "config.py")


def select(source: Path, target: Path, steps: list[str]) -> None:
    """Copies `components/` as far as the image of `steps` needs it."""
    target.mkdir(parents=True)
    shutil.copy(source / "__init__.py", target)
    for package in sorted(path for path in source.iterdir() if path.is_dir() and path.name != "__pycache__"):
        if package.name == "shared" or package.name in steps:
            shutil.copytree(
                package, target / package.name, ignore=shutil.ignore_patterns("__pycache__", "component.py")
            )
        elif CHECKED_BY in steps:
            (target / package.name).mkdir()
            for name in CHECK_FILES:
                shutil.copy(package / name, target / package.name)
    for path in [target.parent, target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))


if __name__ == "__main__":
    select(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
