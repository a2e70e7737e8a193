"""The connection to Kubeflow Pipelines: errors in one line, bounded repetition, no secret in any word."""

import os
import socket

import pytest

from components.shared.errors import RetryError, UserError
from components.shared.secrets import redact
from pipelines.cluster import connection as connections
from pipelines.cluster.connection import Conflict, connect
from tests.processes import wait_for

TOKEN = "canary-token-91b2"


def refused(kind, action):
    with pytest.raises(kind) as error:
        action()
    assert "\n" not in error.value.line
    return error.value.line


def test_no_endpoint_is_told_with_its_remedy(monkeypatch, tmp_path):
    for name in ("EVERTUNE_KFP_ENDPOINT", "KF_PIPELINES_ENDPOINT", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert "give --endpoint or set EVERTUNE_KFP_ENDPOINT" in refused(UserError, connect).replace("Give", "give")


def test_an_unreachable_endpoint_is_worth_a_retry(monkeypatch):
    monkeypatch.setattr(connections, "FIRST_PAUSE", 0.01)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert f"{address}: it cannot be reached" in refused(RetryError, lambda: connect(address))


@pytest.mark.parametrize(
    "address",
    [
        *("kubeflow:80", "http://", "http://host:99999", "http://host:port", "http://my host"),
        *("http://host/#/experiments", "http://host/?ns=a", "ftp://host"),
    ],
)
def test_a_wrong_address_is_refused(address):
    assert f"endpoint: {address!r} is not an address" in refused(UserError, lambda: connect(address))


def test_an_address_with_a_password_is_refused_and_not_shown():
    line = refused(UserError, lambda: connect(f"https://me:{TOKEN}@host"))
    assert "the address holds a password" in line
    assert TOKEN not in line


def test_an_address_may_have_a_path_and_end_with_a_slash(kubeflow, monkeypatch):
    address = os.environ["EVERTUNE_KFP_ENDPOINT"]
    assert connect(f"{address}/").health["tag_name"] == "2.17.0"
    assert "no such path: GET /pipeline/apis" in refused(UserError, lambda: connect(f"{address}/pipeline"))


def test_https_where_there_is_none_is_told(kubeflow):
    address = os.environ["EVERTUNE_KFP_ENDPOINT"].replace("http://", "https://")
    line = refused(UserError, lambda: connect(address))
    assert "no trusted connection" in line
    assert "Set SSL_CERT_FILE" in line


@pytest.mark.parametrize("name", ["EVERTUNE_KFP_TOKEN", "EVERTUNE_KFP_COOKIE"])
@pytest.mark.parametrize("value", [f"{TOKEN}\nx", f"{TOKEN}ü"], ids=["two lines", "not ASCII"])
def test_a_token_that_no_header_can_hold_is_told_and_not_shown(kubeflow, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    line = refused(UserError, connect)
    assert f"{name}: no header can hold its value" in line
    assert TOKEN not in line


def test_a_kubeconfig_without_a_context_is_no_endpoint(kubeflow, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("EVERTUNE_KFP_ENDPOINT")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (tmp_path / "config").write_text("")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert "no endpoint of Kubeflow Pipelines is known" in refused(UserError, connect)
    assert capsys.readouterr().out == ""


def test_an_expired_token_is_told_and_not_shown(kubeflow, monkeypatch):
    kubeflow.token = "another"
    monkeypatch.setenv("EVERTUNE_KFP_TOKEN", TOKEN)
    line = refused(UserError, connect)
    assert "it does not know who asks (HTTP 401)" in line
    assert "may have expired" in line
    assert TOKEN not in line
    kubeflow.token = TOKEN
    assert connect().health["tag_name"] == "2.17.0"
    assert redact(f"Bearer {TOKEN}") == "Bearer ***"


def test_a_login_page_is_told(kubeflow, monkeypatch):
    monkeypatch.setattr("pipelines.cluster.connection.HEALTH", "/apis/v1alpha1/runs/r/nodes/page/log")
    kubeflow.runs["r"], kubeflow.logs["page"] = {}, "<html>Log in to Dex</html>"
    assert "it answers with a page" in refused(UserError, connect)


def test_many_users_need_a_namespace(kubeflow):
    kubeflow.multi_user = True
    assert "give --namespace" in refused(UserError, connect).replace("Give", "give")
    assert connect(namespace="team-a").namespace == "team-a"


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, UserError, "(HTTP 401)"),
        (403, UserError, "(HTTP 403)"),
        (404, UserError, "(HTTP 404)"),
        (409, Conflict, "(HTTP 409)"),
        (400, UserError, "it refuses the request: Internal server error"),
    ],
)
def test_a_refusal_is_told_at_once(kubeflow, connection, status, kind, told):
    kubeflow.fail("GET .*/runs", status)
    assert told in refused(kind, lambda: connection.call(connection.runs.run_service_list_runs))
    assert kubeflow.called("GET .*/runs") == 1


def test_a_failure_is_repeated_and_then_told(kubeflow, connection, monkeypatch):
    monkeypatch.setattr(connections, "FIRST_PAUSE", 0.01)
    kubeflow.fail("GET .*/runs", 500, 500)
    assert connection.call(connection.runs.run_service_list_runs).total_size == 0
    assert kubeflow.called("GET .*/runs") == 3
    kubeflow.fail("GET .*/runs", "drop", 503)
    assert connection.call(connection.runs.run_service_list_runs).total_size == 0
    kubeflow.fail("GET .*/runs", *[500] * connections.ATTEMPTS)
    line = refused(RetryError, lambda: connection.call(connection.runs.run_service_list_runs))
    assert "it answered HTTP 500: Internal server error" in line


def test_an_answer_that_takes_too_long_is_given_up(kubeflow, connection, monkeypatch):
    kubeflow.fail("GET .*/runs", "slow", "slow")
    with monkeypatch.context() as patch:
        patch.setattr(connections, "READ_SECONDS", 0.2)
        patch.setattr(connections, "ATTEMPTS", 2)
        patch.setattr(connections, "FIRST_PAUSE", 0.01)
        line = refused(RetryError, lambda: connection.call(connection.runs.run_service_list_runs))
    assert "it cannot be reached (" in line
    wait_for(lambda: kubeflow.called("GET .*/runs") == 2)  # the server may see them later than they are given up
    assert connection.call(connection.runs.run_service_list_runs).total_size == 0


def test_all_pages_are_read(kubeflow, connection):
    for number in range(25):
        kubeflow.experiments[str(number)] = {"experiment_id": str(number), "display_name": f"e{number}"}
    calls = connection.experiments
    found = [one.display_name for one in connection.every(calls.experiment_service_list_experiments, "experiments")]
    assert found == [f"e{number}" for number in range(25)]
    assert [
        one.experiment_id for one in connection.named(calls.experiment_service_list_experiments, "experiments", "e7")
    ] == ["7"]
