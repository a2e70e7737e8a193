"""The connection to Kubeflow Pipelines: found as kfp's own client finds it, with deadlines and errors for people.

The endpoint is --endpoint, EVERTUNE_KFP_ENDPOINT or KF_PIPELINES_ENDPOINT; without one it is the service of the
cluster that this process runs in, or the one behind the current context of the kubeconfig. Who asks is told by
EVERTUNE_KFP_TOKEN (a bearer token), EVERTUNE_KFP_COOKIE (of Dex or another login page) or, in a pod, by the
projected token that KF_PIPELINES_SA_TOKEN_PATH names. SSL_CERT_FILE names the certificates of a private authority.
"""

from __future__ import annotations

import io
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

from components.shared.bounded import within
from components.shared.errors import EvertuneError, RetryError, UserError
from components.shared.secrets import redact
from pipelines.cluster.address import COOKIE, NAMESPACE, TOKEN, address_of, credential, no_endpoint

T = TypeVar("T")
ATTEMPTS: Final = 4
FIRST_PAUSE: Final = 0.25
CONNECT_SECONDS, READ_SECONDS, CALL_SECONDS = 5.0, 30.0, 60.0
PAGE: Final = 100
HEALTH: Final = "/apis/v2beta1/healthz"
_LONGEST_MESSAGE: Final = 300


class Conflict(UserError):
    """What was to be made is there already."""


class NotThere(UserError):
    """What was asked for is not there."""


class Connection:
    """An endpoint that answered.

    Attributes:
        endpoint: Its address.
        namespace: The namespace of the runs; empty where Kubeflow Pipelines has a single user.
        health: What it says of itself.
    """

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self.endpoint = str(client.runs_api.api_client.configuration.host)
        self.health = self._health()
        self.namespace = namespace or client.get_user_namespace() or ""
        if self.health.get("multi_user") and not self.namespace:
            raise UserError(
                "Kubeflow Pipelines has many users here, and no namespace is given",
                where=self.endpoint,
                remedy=f"give --namespace or set {NAMESPACE}",
            )

    @property
    def runs(self) -> Any:
        """The calls on runs."""
        return self._client.runs_api

    @property
    def recurring(self) -> Any:
        """The calls on recurring runs."""
        return self._client.recurring_api

    @property
    def experiments(self) -> Any:
        """The calls on experiments."""
        return self._client.experiments_api

    @property
    def pipelines(self) -> Any:
        """The calls on pipelines and their versions."""
        return self._client.pipelines_api

    @property
    def uploads(self) -> Any:
        """The calls that upload."""
        return self._client.uploads_api

    def call(self, what: Callable[..., T], *arguments: Any, repeat: bool = True, **named: Any) -> T:
        """Calls the API.

        Args:
            what: One of its calls.
            arguments: Its arguments.
            repeat: Whether to try again when the endpoint fails. False for what makes something: it may have been
                made although the answer was lost.
            named: Its named arguments.

        Raises:
            UserError: if the endpoint refuses; `Conflict` if what was to be made is there, `NotThere` if what is
                asked for is not.
            RetryError: if it fails or cannot be reached.
        """
        timeouts = {"_request_timeout": (CONNECT_SECONDS, READ_SECONDS)}
        attempts = ATTEMPTS if repeat else 1
        for attempt in range(attempts):
            try:
                with translated_errors(self.endpoint):
                    return within(CALL_SECONDS, self.endpoint, lambda: what(*arguments, **named, **timeouts))
            except RetryError:
                if attempt == attempts - 1:
                    raise
            time.sleep(FIRST_PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def every(self, what: Callable[..., Any], field: str, **named: Any) -> Iterator[Any]:
        """All objects of a call that lists, page by page.

        Args:
            what: The call.
            field: Attribute of its answer that holds the objects.
            named: Its named arguments.
        """
        token = ""
        while True:
            page = self.call(what, page_token=token, **{"page_size": PAGE, **named})
            yield from getattr(page, field) or ()
            token = page.next_page_token
            if not token:
                return

    def named(self, what: Callable[..., Any], field: str, name: str, **named: Any) -> list[Any]:
        """All objects of a call that lists whose display name is `name`."""
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        found = self.every(what, field, filter=json.dumps({"predicates": [predicate]}), **named)
        return [one for one in found if one.display_name == name]

    def text(self, path: str) -> str:
        """What the endpoint answers to GET, whatever its form."""
        return self.call(self._get, path)[0]

    def now(self) -> datetime:
        """The endpoint's clock."""
        answered = self.call(self._get, HEALTH)[1].get("Date")
        return parsedate_to_datetime(answered) if answered else datetime.now(UTC)

    def _health(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.text(HEALTH)))
        except (ValueError, TypeError):
            raise UserError(
                "it answers with a page, not as Kubeflow Pipelines does",
                where=self.endpoint,
                remedy=f"correct the endpoint, or log in and set {COOKIE} or {TOKEN}",
            ) from None

    def _get(self, path: str, **timeouts: Any) -> tuple[str, Any]:
        api = self._client.runs_api.api_client
        answer = api.call_api(path, "GET", auth_settings=["Bearer"], _preload_content=False, **timeouts)
        return answer.data.decode(errors="replace"), answer.headers


def connect(endpoint: str = "", namespace: str = "") -> Connection:
    """Connects to Kubeflow Pipelines; nothing is changed.

    Args:
        endpoint: Its address; without one it is looked for as the module says.
        namespace: The namespace of the runs.

    Raises:
        UserError: if there is no endpoint, it is none of Kubeflow Pipelines, or it refuses.
        RetryError: if it cannot be reached.
    """
    address = address_of(endpoint)
    with translated_errors(address or "kubeconfig"):
        client = _client(address, namespace or os.environ.get(NAMESPACE, ""))
    return Connection(client, namespace or os.environ.get(NAMESPACE, ""))


def _client(address: str, namespace: str) -> Any:
    """The client of kfp, which looks for credentials; it neither repeats by itself nor asks anything yet."""
    import kfp
    import kfp_server_api as api
    import urllib3
    from kfp.client import ServiceAccountTokenVolumeCredentials

    class Client(kfp.Client):  # type: ignore[misc]
        def _load_config(self, *arguments: Any, **named: Any) -> Any:
            config = super()._load_config(*arguments, **named)
            config.retries = urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=3)
            return config

        def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:
            return api.V2beta1GetHealthzResponse(multi_user=False)

    token, cookie = credential(TOKEN), credential(COOKIE)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # what it makes of a kubeconfig
        warnings.simplefilter("ignore", FutureWarning)  # that it is for Kubeflow Pipelines 2
        client = Client(
            host=address or None,
            namespace=namespace or "kubeflow",
            existing_token=token,
            cookies=cookie,
            ssl_ca_cert=os.environ.get("SSL_CERT_FILE"),
            credentials=ServiceAccountTokenVolumeCredentials() if "KF_PIPELINES_SA_TOKEN_PATH" in os.environ else None,
        )
    # The documented calls of kfp_server_api, which take time limits; those of kfp.Client take none.
    client.runs_api, client.recurring_api = client._run_api, client._recurring_run_api
    client.experiments_api, client.pipelines_api = client._experiment_api, client._pipelines_api
    client.uploads_api = client._upload_api
    if not address and client.runs_api.api_client.configuration.host == api.Configuration().host:
        raise no_endpoint()  # the kubeconfig has no current context
    return client


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Turns what kfp's client raises into UserError and RetryError."""
    from kfp_server_api import ApiException
    from kfp_server_api.exceptions import OpenApiException
    from urllib3.exceptions import HTTPError, SSLError

    try:
        yield
    except ApiException as error:
        raise _refusal(error, where) from None
    except (HTTPError, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, SSLError):
            raise _untrusted(str(reason), where) from None
        raise RetryError(
            f"it cannot be reached ({type(reason).__name__})", where=where, remedy="check the address, run again"
        ) from None
    except (OpenApiException, AttributeError, TypeError, ValueError) as error:
        if isinstance(error.__context__, ApiException):  # the generated client stumbles over one without a body
            raise _refusal(error.__context__, where) from None
        raise UserError(
            f"its answer cannot be read ({type(error).__name__})",
            where=where,
            remedy="check that it is the endpoint of Kubeflow Pipelines 2.14 or newer",
        ) from error


def _refusal(error: Any, where: str) -> EvertuneError:
    said = _message(error)
    remedies = {
        400: (UserError, "it refuses the request", "correct what it names"),
        401: (UserError, "it does not know who asks (HTTP 401)", f"renew {TOKEN} or {COOKIE}: it may have expired"),
        403: (UserError, "it does not allow this (HTTP 403)", "check --namespace, and the role there"),
        404: (NotThere, "it does not know that (HTTP 404)", "check the name or id, and --namespace"),
        409: (Conflict, "that is there already (HTTP 409)", "choose another name"),
    }
    if not error.status:
        return _untrusted(said, where)
    kind, what, remedy = remedies.get(
        error.status, (RetryError, f"it answered HTTP {error.status}", "run again later, or see the log of ml-pipeline")
    )
    return kind(f"{what}{f': {said}' if said else ''}", where=where, remedy=remedy)


def _untrusted(said: str, where: str) -> UserError:
    remedy = "set SSL_CERT_FILE to the certificate of its authority, or give http:// if it has none"
    return UserError(f"no trusted connection ({said})", where=where, remedy=remedy)


def _message(error: Any) -> str:
    """What the endpoint says of an error, on one short line."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        told = json.loads(body)
        body = str(told.get("message") or told.get("error") or "")
    except (ValueError, AttributeError):
        body = "" if body.lstrip().startswith("<") else body or str(error.reason or "")
    line = " ".join(redact(body).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}…"
