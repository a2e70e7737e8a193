"""Models in the store: named by what they compute, whole or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.shared.errors import UserError
from components.shared.models import canonical_json, download_model, files_of_model, model_digest, upload_model
from components.shared.objects import ObjectStore, open_store

Model = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


def test_the_digest_is_of_what_computes(model: Model) -> None:
    assert model_digest(model(card="a card")) == model_digest(model(card="another card"))
    assert model_digest(model("weights")) != model_digest(model("heavier"))


def test_a_file_under_another_name_is_another_model(model: Model) -> None:
    directory = model()
    before = model_digest(directory)
    (directory / "model.safetensors").rename(directory / "other.safetensors")
    assert model_digest(directory) != before


def test_models_come_back(store: ObjectStore, model: Model, tmp_path: Path) -> None:
    digest = upload_model(store, model())
    download_model(store, digest, tmp_path / "again")
    assert model_digest(tmp_path / "again") == digest
    assert (tmp_path / "again" / "README.md").read_text() == "a card"
    assert sorted(files_of_model(store, digest)) == ["README.md", "model.safetensors", "tokenizer/vocab.txt"]


def test_a_model_is_uploaded_once_with_its_first_description(folder: ObjectStore, model: Model, tmp_path: Path) -> None:
    digest = upload_model(folder, model(card="a card"))
    assert upload_model(folder, model(card="another card")) == digest
    download_model(folder, digest, tmp_path / "again")
    assert (tmp_path / "again" / "README.md").read_text() == "a card"


def test_an_upload_that_was_stopped_goes_on(folder: ObjectStore, model: Model, tmp_path: Path) -> None:
    digest = model_digest(model())
    folder.put(f"models/{digest}/README.md", b"what the stopped run said")
    with pytest.raises(UserError, match="not complete in the store"):
        download_model(folder, digest, tmp_path / "again")
    upload_model(folder, model())
    download_model(folder, digest, tmp_path / "again")
    assert (tmp_path / "again" / "README.md").read_text() == "what the stopped run said"


@pytest.mark.parametrize(
    "damage",
    [
        ("model.safetensors", b"other"),
        ("README.md", b"other"),
        ("complete.json", b"{"),
        ("complete.json", b'{"files": {}}'),
        ("complete.json", b'{"files": {"../../out": "ab"}}'),
    ],
)
def test_damage_is_noticed_and_leaves_nothing(
    folder: ObjectStore, model: Model, tmp_path: Path, damage: tuple[str, bytes]
) -> None:
    digest = upload_model(folder, model())
    folder.put(f"models/{digest}/{damage[0]}", damage[1])
    with pytest.raises(UserError, match="is damaged: it does not agree"):
        download_model(folder, digest, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not (tmp_path.parent / "out").exists()


def test_canonical_json_is_the_same_for_the_same_values() -> None:
    assert (
        canonical_json({"b": 1, "a": "中"})
        == canonical_json({"a": "中", "b": 1})
        == b'{\n "a": "\xe4\xb8\xad",\n "b": 1\n}\n'
    )
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})
