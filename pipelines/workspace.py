"""A workspace of one profile: the files that `dvc repro` runs on, under `.evertune/<profile>/`.

It runs the repository's own dvc.yaml on parameters of its own, so that profiles do not overwrite each
other and the clone stays clean.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from components.shared.files import write_atomically
from components.shared.options import OPTION, fields_of
from components.shared.references import DVC, each_source
from pipelines.profiles import LAPTOP, ROOT
from pipelines.steps import STEPS, config_of

HOME: Final = ROOT / ".evertune"
LINKED: Final = ("components", "pipelines", "dvc.yaml", ".dvcignore")
DVC_CONFIG: Final = "[core]\n    no_scm = true\n    analytics = false\n[parsing]\n    bool = boolean_optional\n"


def prepare(profile: str, parameters: Mapping[str, Any], home: Path = HOME) -> Path:
    """Makes or updates the workspace of a profile.

    Args:
        profile: Its name, which names the directory.
        parameters: What its steps work with (see `profiles.load`).
        home: Directory of all workspaces, registry, checkpoints and the embedded store.
    """
    workspace = home / profile
    (workspace / ".dvc").mkdir(parents=True, exist_ok=True)
    for name in LINKED:
        link = workspace / name
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(ROOT / name, workspace))
    write_atomically(workspace / ".dvc" / "config", DVC_CONFIG.encode())
    moved = {name: relocate(name, value, workspace) for name, value in parameters.items()}
    write_atomically(workspace / "params.yaml", yaml.safe_dump(moved, sort_keys=False).encode())
    return workspace


def relocate(name: str, value: Any, workspace: Path) -> Any:
    """A value of params.yaml as it reads inside the workspace, where relative paths begin elsewhere."""
    if isinstance(value, str) and value.startswith(LAPTOP):
        return f"../{value.removeprefix(LAPTOP)}"
    if name in ("source", "evaluation_set"):
        return each_source(value, lambda uri: _moved(uri, workspace))
    if name in STEPS:
        files = {option for option, field in fields_of(config_of(name), OPTION).items() if field.metadata["file"]}
        return {option: _moved(given, workspace) if option in files else given for option, given in value.items()}
    return _moved(value, workspace) if name == "base_model" else value


def _moved(uri: str, workspace: Path) -> str:
    """An address whose relative path is seen from the workspace."""
    if uri.startswith(DVC):
        repository = uri.removeprefix(DVC)
        return uri if "://" in uri or repository.startswith(("/", "~")) else f"{DVC}{_moved(repository, workspace)}"
    if "://" in uri or not uri:
        return uri
    place, separator, rest = uri.partition("//")
    return os.path.relpath(ROOT / Path(place).expanduser(), workspace) + separator + rest
