"""Code that comes with a model: run only when a person said so, and only from the files that are pinned.

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from components.shared.errors import UserError

FILES: Final = ("config.json", "tokenizer_config.json")
_ELSEWHERE: Final = "--"
"""`owner/name--module.Class` is code of another repository."""


def check_remote_code(directory: Path, name: str, *, allowed: bool, where: str, option: str) -> bool:
    """Whether a model directory needs code of its own.

    Args:
        directory: The directory.
        name: Name of the model, for errors.
        allowed: Whether such code may be run.
        where: What names the model.
        option: What allows its code.

    Raises:
        UserError: if it needs code that must not be run, or whose content nothing pins.
    """
    found = [one for file in FILES for one in remote_classes(_read(directory / file))]
    refuse_remote_code(found, name, allowed=allowed, where=where, option=option)
    return bool(found)


def refuse_remote_code(found: list[str], name: str, *, allowed: bool, where: str, option: str) -> None:
    """Raises UserError when one of these classes must not be loaded."""
    if found and not allowed:
        raise UserError(
            f"{name} needs remote code, which is not run ({found[0]})",
            where=where,
            remedy=f"choose a built-in architecture, or read that code and set {option}",
        )
    for one in found:
        if _ELSEWHERE in one:
            raise UserError(
                f"{name} takes code from elsewhere ({one}), which nothing pins",
                where=where,
                remedy="copy that code into the model's files",
            )


def remote_classes(settings: Any) -> list[str]:
    """The classes that a `config.json` or `tokenizer_config.json` says are in files of the model."""
    found = settings.get("auto_map") if isinstance(settings, dict) else None
    return list(_names(found))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _names(one)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
