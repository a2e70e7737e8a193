"""Manifests: canonical text, and a clear word about what is none."""

from __future__ import annotations

import json

import pytest

from components.shared.errors import UserError
from components.shared.manifest import Manifest, Shard, dataset_digest, parse_manifest, read_manifest, write_manifest

MANIFEST = Manifest(
    columns={"text": "string", "label": "string"},
    splits={"train": (Shard("train-00000.parquet", 2, "aa", "bb"), Shard("train-00001.parquet", 3, "cc", "dd"))},
    digest="ee",
)


def test_what_was_written_is_read(tmp_path):
    write_manifest(tmp_path, MANIFEST)
    assert read_manifest(tmp_path) == MANIFEST
    assert read_manifest(tmp_path).to_json() == MANIFEST.to_json()
    assert MANIFEST.rows("train") == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "unreadable manifest"),
        ("[]", "unreadable manifest"),
        ("{}", "unreadable manifest ('format')"),
        (json.dumps({**json.loads(MANIFEST.to_json()), "format": 2}), "format 2 is not 1"),
        (json.dumps({**json.loads(MANIFEST.to_json()), "splits": {"train": [{"file": "x"}]}}), "unreadable manifest"),
    ],
)
def test_what_is_no_manifest(tmp_path, text, message):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError) as caught:
        read_manifest(tmp_path)
    assert message in caught.value.line
    assert caught.value.remedy


def test_no_manifest(tmp_path):
    with pytest.raises(UserError, match="not a finished dataset"):
        read_manifest(tmp_path)


def test_missing_field_is_an_error():
    fields = json.loads(MANIFEST.to_json())
    del fields["digest"]
    with pytest.raises(KeyError, match="digest"):
        parse_manifest(fields)


def test_digest_does_not_depend_on_how_ids_are_cut():
    columns = {"text": "string"}
    assert dataset_digest(columns, {"a": [b"12", b"34"]}) == dataset_digest(columns, {"a": [b"1234"]})
    assert dataset_digest(columns, {"a": [b"12"], "b": []}) != dataset_digest(columns, {"a": [], "b": [b"12"]})


def test_digest_does_not_depend_on_the_order_of_splits():
    one, two = {"a": [b"1"], "b": [b"2"]}, {"b": [b"2"], "a": [b"1"]}
    assert dataset_digest({"text": "string"}, one) == dataset_digest({"text": "string"}, two)
