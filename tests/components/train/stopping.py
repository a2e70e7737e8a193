"""Stops a training at a step, as a power cut would."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.shared.directory_store import DirectoryStore
from components.train import core


class PowerCut(Exception):
    """The machine goes dark."""


class DarkAfter(DirectoryStore):
    """Goes dark when the checkpoint of a step is committed."""

    def __init__(self, root: Path, step: int) -> None:
        super().__init__(root)
        self.step = step

    def put(self, key: str, data: bytes) -> None:
        super().put(key, data)
        if key.endswith(f"/{self.step:010d}/complete.json"):
            raise PowerCut


def stop_at(monkeypatch, config, step: int) -> None:
    """Trains until the checkpoint of a step is committed."""
    with monkeypatch.context() as patch:
        patch.setattr(core, "open_store", lambda uri: DarkAfter(Path(uri), step))
        with pytest.raises(PowerCut):
            core.run(config)
