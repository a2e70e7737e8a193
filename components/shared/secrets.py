"""Credentials come from the environment or from a mounted file, and never reach a log.

The file named by EVERTUNE_SECRETS_FILE holds `NAME=value` lines; what the environment already has wins.
On a laptop it is what the embedded object store wrote: `.evertune/store/env` beside the code.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from components.shared.errors import UserError

EMBEDDED = Path(__file__).resolve().parents[2] / ".evertune" / "store" / "env"
SECRET_NAMES = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "EVERTUNE_GIT_PASSWORD", "HF_TOKEN"),
    *("EVERTUNE_KFP_TOKEN", "EVERTUNE_KFP_COOKIE", "EVERTUNE_PSEUDONYM_KEYS"),
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "WANDB_API_KEY"),
)
OWN_S3 = ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_PROFILE")
"""Variables that say that the user brings an S3 of his own; the embedded store is then not for him."""
_KEY_PAIR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
SHORTEST = 4
"""Shorter values are no secrets, and would black out innocent letters."""


def load_secrets() -> None:
    """Adds the variables of the secrets file to the environment, if there is one.

    Raises:
        UserError: if the file cannot be read or is not made of `NAME=value` lines.
    """
    named = os.environ.get("EVERTUNE_SECRETS_FILE")
    path = Path(named) if named else EMBEDDED
    if not named and (any(name in os.environ for name in OWN_S3) or not path.exists()):
        return
    variables = _read(path)
    if any(name in os.environ for name in _KEY_PAIR):
        # A key and the secret of another are worth nothing: all of them come from one place.
        variables = {name: value for name, value in variables.items() if name not in _KEY_PAIR}
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def redact(text: str) -> str:
    """The text with every known secret value, plain or as in an address, replaced by asterisks."""
    for name in SECRET_NAMES:
        value = os.environ.get(name, "")
        if len(value) >= SHORTEST:
            text = text.replace(value, "***").replace(quote(value, safe=""), "***")
    return text


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UserError(
            f"cannot read {path}: {reason}", where="EVERTUNE_SECRETS_FILE", remedy="mount the file or unset it"
        ) from None
    variables = {}
    for number, line in enumerate(lines, 1):
        name, separator, value = line.strip().partition("=")
        if line.startswith("#") or not line.strip():
            continue
        if not separator or not name.strip().isidentifier():  # the line itself may be a secret
            raise UserError("not a NAME=value line", where=f"{path}, line {number}", remedy="correct the secrets file")
        variables[name.strip()] = value.strip()
    return variables
