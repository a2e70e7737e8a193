"""What the Hugging Face Hub says of a repository; its address and token come from HF_ENDPOINT and HF_TOKEN."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from components.shared.errors import RetryError, UserError
from components.shared.references import HUB

SECONDS: Final = 20.0
_NAME: Final = re.compile(r"[\w.-]+(/[\w.-]+)?")
Kind = Literal["model", "dataset"]


def name_and_revision(uri: str, where: str) -> tuple[str, str]:
    """Reads `hf://owner/name[@revision]`; raises UserError for anything else."""
    name, _, revision = uri.removeprefix(HUB).partition("@")
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{uri!r} is not a hub name", where=where, remedy="give hf://owner/name or hf://owner/name@revision"
        )
    return name, revision


def ask(name: str, revision: str, kind: Kind, where: str) -> Any:
    """Commit (`sha`) and files (`siblings`) of a repository.

    Args:
        name: Its name.
        revision: A branch, tag or commit; empty for the newest.
        kind: What it is.
        where: The option that names it, for errors.

    Raises:
        UserError: if it is unknown or not open to us.
        RetryError: if the hub cannot be reached.
    """
    from huggingface_hub import HfApi

    with translated_errors(name, revision, kind, where):
        info = HfApi(endpoint=endpoint()).repo_info(
            name, repo_type=kind, revision=revision or None, timeout=SECONDS, files_metadata=kind == "dataset"
        )
    assert info.sha, f"the hub gave no commit for {name}"
    return info


def endpoint() -> str | None:
    """The address of the hub, None for the public one."""
    return os.environ.get("HF_ENDPOINT")


@contextmanager
def translated_errors(name: str, revision: str, kind: Kind, where: str) -> Iterator[None]:
    """Turns the errors of the hub's client into UserError or RetryError."""
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HTTPError,  # of whichever HTTP library this version of the hub's client uses
        OfflineModeIsEnabled,
    )

    try:
        yield
    except OfflineModeIsEnabled:
        raise UserError(
            f"{HUB}{name} cannot be looked up: HF_HUB_OFFLINE is set",
            where=where,
            remedy="unset it or give a directory",
        ) from None
    except HfHubHTTPError as error:
        raise _refused(f"{HUB}{name}", revision, kind, where, error.response.status_code) from error
    except (HTTPError, OSError) as error:
        raise RetryError(
            f"the hub cannot be reached ({type(error).__name__})", where=where, remedy="run again, or give a directory"
        ) from error


def _refused(uri: str, revision: str, kind: Kind, where: str, status: int) -> UserError | RetryError:
    if status in (401, 403, 404):
        what = f"{uri} has no revision {revision!r}, or is" if revision else f"{uri} is"
        return UserError(
            f"{what} unknown to the hub or not open to you (HTTP {status})",
            where=where,
            remedy=f"correct the name, or set HF_TOKEN for a private or gated {kind}",
        )
    return RetryError(f"the hub answered HTTP {status} for {uri}", where=where, remedy="run again later")
