"""Pins the sources and the evaluation set to what they hold now."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from components.shared.dvc_source import pin_dvc
from components.shared.errors import UserError
from components.shared.files import files_under
from components.shared.http_source import Rules, pin_http
from components.shared.hub_source import pin_hub
from components.shared.pinned_sources import chosen_files
from components.shared.references import (
    DVC,
    HTTP,
    HUB,
    S3,
    Reference,
    each_source,
    is_local,
    local_path,
    pin_local,
    split_sources,
)
from components.shared.s3_source import pin_s3
from components.shared.source_files import Pattern

WHERE: Final = "source"
EVALUATION: Final = "evaluation_set"
FORMS: Final = "give a path, package://, s3://, https://, hf:// or dvc+<repository>//<path>"


def pin_sources(source: str, ingest: Mapping[str, Any]) -> str:
    """Pins one source, or several with commas between them; empty when there is none.

    Args:
        source: A path, `package://`, `s3://`, `http(s)://`, `hf://` or `dvc+` address, with a weight where it has one.
        ingest: The options of `ingest` that are set.

    Raises:
        UserError: if one is not there, cannot be read or holds nothing.
        RetryError: if one cannot be reached.
    """
    pattern, rules = Pattern(ingest.get("files", "*")), _rules(ingest)
    return each_source(source, lambda uri: _pin(uri, pattern, rules, WHERE), WHERE)


def pin_evaluation_set(given: str, ingest: Mapping[str, Any]) -> str:
    """The same for texts that models will be tested on, and finds the files that `ingest` is to read of them.

    It takes no weights. A revision without the wanted split is found out here, not when `ingest` runs.
    """
    pattern, rules = Pattern(ingest.get("evaluation_files", "*"), "ingest.evaluation_files"), _rules(ingest)
    if any(weight for weight, _ in split_sources(given, EVALUATION)):
        raise UserError(f"{given!r} has weights", where=EVALUATION, remedy="leave them out")

    def pin(uri: str) -> Reference:
        reference = _pin(uri, pattern, rules, EVALUATION)
        with tempfile.TemporaryDirectory() as place:
            chosen_files(reference, pattern, Path(place), rules, EVALUATION)
        return reference

    return each_source(given, pin, EVALUATION)


def _rules(ingest: Mapping[str, Any]) -> Rules:
    return Rules.of(ingest.get("allow_addresses", ""), float(ingest.get("max_source_gb", 64)))


def _pin(uri: str, pattern: Pattern, rules: Rules, where: str) -> Reference:
    if uri.startswith(S3):
        return pin_s3(uri, where)
    if uri.startswith(HTTP):
        return pin_http(uri, rules, where)
    if uri.startswith(HUB):
        return pin_hub(uri, where)
    if uri.startswith(DVC):
        return pin_dvc(uri, where)
    if not is_local(uri):
        raise UserError(f"{uri!r} is not a source", where=where, remedy=FORMS)
    return _pin_local(uri, pattern, where)


def _pin_local(uri: str, pattern: Pattern, where: str) -> Reference:
    root = local_path(uri, where)
    found = [root] if root.is_file() else files_under(root)
    chosen = [path for path in found if path == root or pattern.chooses(path.relative_to(root).as_posix())]
    pattern.require(chosen, uri, where)
    if not any(path.stat().st_size for path in chosen):
        raise UserError(f"{uri} is empty", where=where, remedy="give a source that holds rows")
    return pin_local(uri, where)
