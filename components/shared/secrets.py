"""Credentials come from the environment or from a mounted file, and never reach a log.

The file named by EVERTUNE_SECRETS_FILE holds `NAME=value` lines; what the environment already has wins.
On a laptop it is what the embedded object store wrote: `.evertune/store/env` beside the code.
"""

from __future__ import annotations

import os
from pathlib import Path

from components.shared.errors import UserError

EMBEDDED = Path(__file__).resolve().parents[2] / ".evertune" / "store" / "env"
SECRET_NAMES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "EVERTUNE_GIT_PASSWORD", "HF_TOKEN")


def load_secrets() -> None:
    """Adds the variables of the secrets file to the environment, if there is one."""
    named = os.environ.get("EVERTUNE_SECRETS_FILE")
    path = Path(named) if named else EMBEDDED
    if not named and ("AWS_ACCESS_KEY_ID" in os.environ or not path.exists()):
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}", where="EVERTUNE_SECRETS_FILE", remedy="mount the file or unset it"
        ) from error
    for line in lines:
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


def redact(text: str) -> str:
    """The text with every known secret value replaced by asterisks."""
    for name in SECRET_NAMES:
        value = os.environ.get(name, "")
        if len(value) >= 4:
            text = text.replace(value, "***")
    return text
