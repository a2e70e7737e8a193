"""A base model of the hub, from a small server that speaks its protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.shared.base_models import open_base_model, settings_of
from components.shared.errors import RetryError, UserError
from components.shared.files import sha256_of
from components.shared.references import parse_reference
from components.train import core
from tests.hub_server import HubHandler, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(HubHandler):
    """Serves the repository `owner/tiny` at one commit; counts what is asked for."""

    files: dict[str, Path]
    asked: list[str]

    def answer(self, *, with_body):
        name = self.path.partition("?")[0].rpartition("/")[2]
        if self.path.startswith(f"/api/models/owner/tiny/revision/{COMMIT}"):
            self.send_json({"id": "owner/tiny", "sha": COMMIT, "siblings": []}, with_body=with_body)
        elif self.path.startswith(f"/api/models/owner/tiny/tree/{COMMIT}"):
            sizes = {name: path.stat().st_size for name, path in self.files.items()}
            tree = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in sizes.items()]
            self.send_json(tree, with_body=with_body)
        elif self.path.startswith(f"/owner/tiny/resolve/{COMMIT}/") and name in self.files:
            self.asked.append(name)
            body = self.files[name].read_bytes()
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
            self.send(200, headers, body, with_body=with_body)
        else:
            self.send_missing("RevisionNotFound", with_body=with_body)


@pytest.fixture
def hub(inputs, tmp_path, monkeypatch) -> Iterator[type[Hub]]:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    (tmp_path / "modeling.py").write_text("raise SystemExit")
    files = [*inputs.base_model.iterdir(), tmp_path / "pytorch_model.bin", tmp_path / "modeling.py"]
    handler = type("Handler", (Hub,), {"files": {path.name: path for path in files}, "asked": []})
    with serving(handler) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield handler


def test_trains_the_same_as_from_a_directory(hub, configure):
    config, plain = configure("hub"), configure("plain")
    core.run(configure("hub", base_model_reference=f"hf://owner/tiny#commit={COMMIT}"))
    core.run(plain)
    assert sha256_of(config.model / "model.safetensors") == sha256_of(plain.model / "model.safetensors")
    assert "base_model: owner/tiny" in (config.model / "README.md").read_text()


def test_neither_pickles_nor_code_are_downloaded(hub):
    reference = f"hf://owner/tiny#commit={COMMIT}"
    assert settings_of(parse_reference(reference))["model_type"] == "bert"
    assert "model.safetensors" not in hub.asked
    directory, _ = open_base_model(reference, 32)
    assert {"model.safetensors", "tokenizer.json"} <= set(hub.asked)
    assert not {path.suffix for path in directory.iterdir()} & {".bin", ".py"}


def test_unknown_commit(hub):
    other = COMMIT.replace("0", "f")
    with pytest.raises(UserError, match=f"base_model: the hub has no owner/tiny at {other}. Correct the name"):
        open_base_model(f"hf://owner/tiny#commit={other}", 32)


def test_hub_that_is_away(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client tries again for 20 s
    with pytest.raises(RetryError, match=r"owner/tiny: the hub cannot be reached \(.+\). Run again"):
        open_base_model(f"hf://owner/tiny#commit={COMMIT}", 32)
