"""Reads the YAML that people write; a key that stands twice is an error, for the first would go unheard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from components.shared.errors import UserError


class _Loader(yaml.CSafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)


def read(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        UserError: if it cannot be read, is no YAML, or has a key twice in one mapping.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one
    except OSError as error:
        what = error.strerror
    except (ValueError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
    raise UserError(f"cannot be read ({what})", where=str(path), remedy="correct the file")
