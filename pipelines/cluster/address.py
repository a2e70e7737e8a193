"""Where Kubeflow Pipelines is and what to say who asks, checked before anything is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from components.shared.errors import UserError

ENDPOINTS: Final = ("EVERTUNE_KFP_ENDPOINT", "KF_PIPELINES_ENDPOINT")
TOKEN: Final = "EVERTUNE_KFP_TOKEN"  # noqa: S105 - a name
COOKIE: Final = "EVERTUNE_KFP_COOKIE"
NAMESPACE: Final = "EVERTUNE_KFP_NAMESPACE"


def address_of(endpoint: str) -> str:
    """The address that is given or that the environment names; empty to look for the cluster's own.

    Raises:
        UserError: if it is no address, or there is none and no cluster to look in.
    """
    address = endpoint or next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    kubeconfig = Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    if address:
        _check(address)
    elif not (os.environ.get("KUBERNETES_SERVICE_HOST") or kubeconfig.exists()):
        raise no_endpoint()
    return address


def no_endpoint() -> UserError:
    """The error of who says nowhere where Kubeflow Pipelines is."""
    return UserError(
        "no endpoint of Kubeflow Pipelines is known",
        where="endpoint",
        remedy=f"give --endpoint or set {ENDPOINTS[0]}, such as http://localhost:8080 behind a port-forward",
    )


def credential(name: str) -> str | None:
    """A token or cookie of the environment; raises UserError if no header can hold it."""
    value = os.environ.get(name, "").strip()
    if not (value.isascii() and value.isprintable()):
        raise UserError("no header can hold its value", where=name, remedy="copy it again, on one line")
    return value or None


def _check(address: str) -> None:
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        right = False
    if right and "@" in parts.netloc:  # it must not be shown
        raise UserError("the address holds a password", where="endpoint", remedy=f"take it out, and set {TOKEN}")
    if not right or parts.query or parts.fragment or any(letter.isspace() for letter in address):
        remedy = "give http(s)://host:port and its path, without what follows # or ?"
        raise UserError(f"{address!r} is not an address", where="endpoint", remedy=remedy)
