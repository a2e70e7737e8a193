"""Validates the configuration, then pins all that moves: the source, the base model, the champion."""

from __future__ import annotations

from components.resolve.base_model import pin_base_model
from components.resolve.config import Config
from components.resolve.parameters import check_sections, read_variants
from components.resolve.source import pin_source
from components.shared.champions import current
from components.shared.objects import open_store
from components.shared.result import Result


def run(config: Config) -> Result:
    """Resolves everything; what is quick to find wrong is looked at first."""
    variants = read_variants(config.parameters)
    check_sections(variants)
    ingest = variants[""].get("ingest") or {}
    source = pin_source(config.source, ingest.get("files", "*"))
    base_model = pin_base_model(config.base_model)
    champion = _champion(config.store, config.model_name)
    return Result(
        summary=f"source {source}, base model {base_model}, champion {champion or 'none yet'}",
        parameters={
            "source_reference": str(source),
            "base_model_reference": str(base_model),
            "champion": champion,
        },
    )


def _champion(store: str, model_name: str) -> str:
    """Also finds out whether the store can be reached with the credentials there are."""
    found = current(open_store(store), model_name)
    return found.identity if found else ""
