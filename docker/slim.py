"""Removes from an environment what no step uses at run time: installers, tests, headers, static libraries.

python slim.py /opt/venv
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

DIRECTORIES = ("tests", "test", "include")
PACKAGES = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
SUFFIXES = (".a", ".pyx", ".pxd", ".hpp", ".h", ".cuh")


def slim(environment: Path) -> int:
    """Deletes and returns the bytes that were freed."""
    (site,) = environment.glob("lib/python3*/site-packages")
    before = _bytes(environment)
    for name in PACKAGES:
        for path in [site / name, *site.glob(f"{name}-*.dist-info")]:
            shutil.rmtree(path, ignore_errors=True)
    for path in sorted(site.rglob("*"), reverse=True):
        if path.is_dir() and path.name in DIRECTORIES and path.parent != site:
            shutil.rmtree(path)
        elif path.is_file() and path.suffix in SUFFIXES:
            path.unlink()
    for path in [*(environment / "bin").glob("pip*"), site / "distutils-precedence.pth"]:
        path.unlink(missing_ok=True)
    return before - _bytes(environment)


def _bytes(root: Path) -> int:
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file())


if __name__ == "__main__":
    print(f"freed {slim(Path(sys.argv[1])) >> 20} MB")
