"""Where credentials come from, and that none is shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.shared import secrets
from components.shared.errors import UserError


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*secrets.SECRET_NAMES, *secrets.OWN_S3, "EVERTUNE_SECRETS_FILE", "AWS_REGION"):
        monkeypatch.setenv(name, "")  # so that what a test loads is taken back after it
        monkeypatch.delenv(name)
    monkeypatch.setattr(secrets, "EMBEDDED", Path("/nowhere"))


def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "secrets").write_text(text)
    monkeypatch.setenv("EVERTUNE_SECRETS_FILE", str(tmp_path / "secrets"))


def test_the_file_fills_in_what_the_environment_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(tmp_path, monkeypatch, "# comment\n\nAWS_REGION=here\n HF_TOKEN = with=sign \n")
    monkeypatch.setenv("AWS_REGION", "there")
    secrets.load_secrets()
    assert (os.environ["AWS_REGION"], os.environ["HF_TOKEN"]) == ("there", "with=sign")


def test_a_key_pair_is_not_mixed_from_two_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted(tmp_path, monkeypatch, "AWS_ACCESS_KEY_ID=theirs\nAWS_SECRET_ACCESS_KEY=theirs\nAWS_REGION=here\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    secrets.load_secrets()
    assert "AWS_SECRET_ACCESS_KEY" not in os.environ
    assert os.environ["AWS_REGION"] == "here"


def test_the_embedded_store_serves_who_has_no_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "env").write_text("AWS_ENDPOINT_URL=http://127.0.0.1:1\n")
    monkeypatch.setattr(secrets, "EMBEDDED", tmp_path / "env")
    with monkeypatch.context() as context:
        context.setenv("AWS_PROFILE", "mine")
        secrets.load_secrets()
        assert "AWS_ENDPOINT_URL" not in os.environ
    secrets.load_secrets()
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"


def test_no_file_is_no_error() -> None:
    secrets.load_secrets()


def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERTUNE_SECRETS_FILE", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"EVERTUNE_SECRETS_FILE: cannot read .*No such file"):
        secrets.load_secrets()


@pytest.mark.parametrize("line", ["canary", "export canary=x", "=canary"])
def test_a_broken_line_is_named_but_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    mounted(tmp_path, monkeypatch, f"AWS_REGION=here\n{line}\n")
    with pytest.raises(UserError, match="line 2: not a NAME=value line") as caught:
        secrets.load_secrets()
    assert "canary" not in caught.value.line


@pytest.mark.parametrize("name", secrets.SECRET_NAMES)
def test_secrets_are_blacked_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "ca/nary+")
    assert secrets.redact("at ca/nary+ and ca%2Fnary%2B") == "at *** and ***"
    monkeypatch.setenv(name, "a")
    assert secrets.redact("a cat") == "a cat"
