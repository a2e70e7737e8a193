"""Validates the configuration, then pins all that moves: the source, the base model, the champion."""

from __future__ import annotations

from components.resolve.base_model import pin_base_model
from components.resolve.config import Config
from components.resolve.parameters import check_sections, read_variants
from components.resolve.registry import check_registry
from components.resolve.source import pin_evaluation_set, pin_sources
from components.shared.champions import current
from components.shared.objects import open_store
from components.shared.result import Result


def run(config: Config) -> Result:
    """Resolves everything; what is quick to find wrong is looked at first."""
    variants = read_variants(config.parameters)
    check_sections(variants)
    ingest = variants[""].get("ingest") or {}
    evaluation_set = pin_evaluation_set(config.evaluation_set, ingest)
    source = pin_sources(config.source, ingest)
    base_model = str(pin_base_model(config.base_model, variants[""].get("train") or {})) if config.base_model else ""
    check_registry(variants[""].get("registry", ""))
    champion = _champion(config.store, config.model_name) if config.model_name else ""
    return Result(
        summary=f"source {source or 'none'}, evaluation set {evaluation_set or 'none'}, "
        f"base model {base_model or 'none'}, champion {champion or 'none yet'}",
        parameters={
            "source_reference": source,
            "evaluation_reference": evaluation_set,
            "base_model_reference": base_model,
            "champion": champion,
        },
    )


def _champion(store: str, model_name: str) -> str:
    """Also finds out whether the store can be reached with the credentials there are."""
    found = current(open_store(store), model_name)
    return found.identity if found else ""
