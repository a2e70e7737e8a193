"""Pins the sources to what they hold now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.shared.dvc_source import pin_dvc
from components.shared.errors import UserError
from components.shared.files import files_under
from components.shared.http_source import Rules, pin_http
from components.shared.hub_source import pin_hub
from components.shared.references import DVC, HTTP, HUB, S3, Reference, each_source, is_local, local_path, pin_local
from components.shared.s3_source import pin_s3
from components.shared.source_files import Pattern

WHERE: Final = "source"
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
    return each_source(source, lambda uri: _pin(uri, ingest), WHERE)


def _pin(uri: str, ingest: Mapping[str, Any]) -> Reference:
    if uri.startswith(S3):
        return pin_s3(uri, WHERE)
    if uri.startswith(HTTP):
        return pin_http(uri, Rules.of(ingest.get("allow_addresses", ""), float(ingest.get("max_source_gb", 64))), WHERE)
    if uri.startswith(HUB):
        return pin_hub(uri, WHERE)
    if uri.startswith(DVC):
        return pin_dvc(uri, WHERE)
    if not is_local(uri):
        raise UserError(f"{uri!r} is not a source", where=WHERE, remedy=FORMS)
    return _pin_local(uri, Pattern(ingest.get("files", "*")))


def _pin_local(uri: str, pattern: Pattern) -> Reference:
    root = local_path(uri, WHERE)
    found = [root] if root.is_file() else files_under(root)
    chosen = [path for path in found if path == root or pattern.chooses(path.relative_to(root).as_posix())]
    pattern.require(chosen, uri, WHERE)
    if not any(path.stat().st_size for path in chosen):
        raise UserError(f"{uri} is empty", where=WHERE, remedy="give a source that holds rows")
    return pin_local(uri, WHERE)
