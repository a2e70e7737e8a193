"""Mirrored models: the same digest as the directory, whole or refused."""

import json

import pytest

from components.resolve.base_model import pin_base_model
from components.shared import mirrors
from components.shared.base_models import open_base_model, settings_of
from components.shared.errors import UserError
from components.shared.files import sha256_of, tree_digest
from components.shared.objects import open_store
from components.shared.references import local_path, parse_reference, pin_local
from pipelines import profiles


@pytest.fixture
def model(tmp_path):
    """A model directory that is whole as far as can be seen without loading it."""
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "config.json").write_text('{"model_type": "bert", "max_position_embeddings": 128}')
    (directory / "tokenizer.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (directory / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return directory


def refused(action):
    with pytest.raises(UserError) as error:
        action()
    return error.value.line


def test_a_mirrored_model_is_the_same_model(s3, model, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = open_store(s3)
    address = mirrors.mirror_model(store, model)
    assert mirrors.mirror_model(store, model) == address == f"{s3}/base-models/{tree_digest(model)}"
    reference = pin_base_model(address)
    assert reference.pin == pin_local(str(model), "base_model").pin, "checkpoints are the same for both"
    directory, _ = open_base_model(str(reference), max_tokens=64)
    assert tree_digest(directory) == tree_digest(model)
    assert open_base_model(str(reference), max_tokens=64)[0] == directory
    assert settings_of(reference) == settings_of(pin_local(str(model), "base_model"))


def test_a_mirror_that_is_not_complete_or_damaged_is_refused(s3, model, tmp_path):
    store = open_store(s3)
    address = mirrors.mirror_model(store, model)
    key = address.removeprefix(f"{s3}/")
    reference = pin_base_model(address)
    store.put(f"{key}/files/config.json", b"{}")
    fetch = lambda: mirrors.fetch_model(reference, tmp_path / "into", "base_model")  # noqa: E731
    assert "config.json" in refused(fetch)
    assert "is damaged" in refused(fetch)
    assert "config.json" in refused(lambda: settings_of(reference))
    outside = {"files": {"../outside": sha256_of(model / "config.json")}}
    store.put(f"{key}/complete.json", json.dumps(outside).encode())
    assert "../outside" in refused(fetch)
    store.delete(f"{key}/complete.json")
    assert "has no complete model" in refused(fetch)
    assert not (tmp_path / "into").exists()
    assert "is not a mirrored model" in refused(lambda: pin_base_model(f"{s3}/elsewhere"))


def test_a_mirrored_model_without_a_tokenizer_is_refused(s3, model):
    (model / "tokenizer.json").unlink()
    assert "lacks a tokenizer" in refused(lambda: pin_base_model(mirrors.mirror_model(open_store(s3), model)))


def test_texts_are_mirrored_as_file_or_directory(s3, model):
    store = open_store(s3)
    address = mirrors.mirror_source(store, model / "config.json")
    assert address == f"{s3}/sources/{sha256_of(model / 'config.json')}/config.json"
    assert store.get(address.removeprefix(f"{s3}/")) == (model / "config.json").read_bytes()
    directory = mirrors.mirror_source(store, model).removeprefix(f"{s3}/")
    assert store.keys(directory) == [f"{directory}/{path.name}" for path in sorted(model.iterdir())]


def test_the_cluster_profile_names_what_mirror_makes_of_the_example():
    ours, cluster = profiles.load("reviews"), profiles.load("cluster")
    model, texts = local_path(ours["base_model"], "base_model"), local_path(ours["source"], "source")
    assert cluster["base_model"] == f"{cluster['store']}/base-models/{tree_digest(model)}"
    assert cluster["source"] == f"{cluster['store']}/sources/{tree_digest(texts)}/{texts.name}"
    assert not [name for name in profiles.SHARED if name not in profiles.arguments(cluster)]
    assert parse_reference(f"{cluster['base_model']}#sha256=ab").uri == cluster["base_model"]
