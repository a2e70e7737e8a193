"""Object stores: the same behaviour in S3 (a real SeaweedFS) and in a directory."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from components.shared import dvc_remote, s3_client
from components.shared.errors import RetryError, UserError
from components.shared.objects import ObjectStore, S3Store, download_tree, open_store, upload_tree

PART = 8 << 20
"""boto3 uploads and downloads in parts from this size on."""


class Raw:
    """The empty body of an answer."""

    def stream(self) -> Iterator[bytes]:
        return iter(())


@pytest.fixture(params=["s3", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return open_store(request.getfixturevalue("s3") if request.param == "s3" else str(tmp_path / "store"))


def test_put_get_replace_delete(store: ObjectStore) -> None:
    assert store.get("a/b") is None
    store.put("a/b", b"one")
    store.put("a/b", b"two")
    assert (store.get("a/b"), store.size("a/b"), store.size("a")) == (b"two", 3, None)
    store.delete("a/b")
    store.delete("a/b")
    assert store.get("a/b") is None


def test_a_range_is_read_without_the_rest(store: ObjectStore) -> None:
    store.put("a", bytes(range(100)))
    assert store.get_range("a", 0, 100) == bytes(range(100))
    assert store.get_range("a", 90, 10) == bytes(range(90, 100))
    assert store.get_range("a", 5, 1) == b"\x05"


@pytest.mark.parametrize(("begin", "size"), [(95, 10), (100, 1), (200, 5)])
def test_a_range_that_is_not_there_is_never_a_shorter_one(store: ObjectStore, begin: int, size: int) -> None:
    store.put("a", bytes(100))
    with pytest.raises(UserError, match="the object is too short"):
        store.get_range("a", begin, size)
    with pytest.raises(UserError, match="no such object"):
        store.get_range("none", begin, size)


def test_keys_are_sorted_and_begin_with_the_prefix(store: ObjectStore) -> None:
    for key in ("b/2", "b/10", "ba", "a", "b/ü"):
        store.put(key, b"")
    assert store.keys() == ["a", "b/10", "b/2", "b/ü", "ba"]
    assert store.keys("b/") == ["b/10", "b/2", "b/ü"]
    assert store.keys("b/1") == ["b/10"]
    assert store.keys("none/") == []


def test_a_conditional_write_has_one_winner(store: ObjectStore) -> None:
    records = [uuid.uuid4().bytes for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda record: store.put_new("pointer/1", record), records))
    assert won.count(True) == 1
    assert store.get("pointer/1") == records[won.index(True)]
    assert store.keys() == ["pointer/1"]


def test_a_conditional_write_of_the_same_bytes_is_not_ours(store: ObjectStore) -> None:
    assert store.put_new("key", b"same")
    assert not store.put_new("key", b"same")


@pytest.mark.parametrize("size", [0, 1, PART + 1, 3 * PART], ids=["empty", "byte", "two parts", "three parts"])
def test_files_of_all_sizes_come_back(store: ObjectStore, tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    store.upload(source, "model/weights")
    store.download("model/weights", target)
    assert target.read_bytes() == source.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["source", "target"]


def test_trees_come_back(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "a").write_text("a")
    (tmp_path / "tree" / "deep" / "b").write_text("b")
    upload_tree(store, tmp_path / "tree", "models/1")
    download_tree(store, "models/1", tmp_path / "again")
    assert (tmp_path / "again" / "deep" / "b").read_text() == "b"
    assert store.keys("models/") == ["models/1/a", "models/1/deep/b"]


def test_what_is_not_there_leaves_no_file(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such object"):
        store.download("none", tmp_path / "file")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/etc/out", "a/./b", "a\\..\\out"])
def test_keys_that_leave_the_store_are_refused(store: ObjectStore, tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match="is not a key"):
        store.put(key, b"")
    with pytest.raises(UserError, match="is not a key"):
        store.get(key)


def test_a_listed_key_cannot_write_outside_the_target(s3: str, tmp_path: Path) -> None:
    store = open_store(s3)
    assert isinstance(store, S3Store)
    # SeaweedFS cleans such keys itself; another server may not.
    store.keys = lambda prefix="": ["tree/../../out"]  # type: ignore[method-assign]
    with pytest.raises(UserError, match="is not a key"):
        download_tree(store, "tree", tmp_path / "target")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [10, PART + 10], ids=["one part", "two parts"])
def test_bytes_that_changed_behind_our_back_are_noticed(s3: str, tmp_path: Path, size: int) -> None:
    store, source = open_store(s3), tmp_path / "source"
    assert isinstance(store, S3Store)
    source.write_bytes(bytes(size))
    store.upload(source, "key")
    recorded = store.client.head_object(Bucket=store.bucket, Key=f"{store.prefix}/key")["Metadata"]
    store.client.put_object(Bucket=store.bucket, Key=f"{store.prefix}/key", Body=b"x" * size, Metadata=recorded)
    with pytest.raises(UserError, match="damaged: its sha256"):
        store.download("key", tmp_path / "target")
    with pytest.raises(UserError, match="damaged: its sha256"):
        store.get("key")
    assert not (tmp_path / "target").exists()


def test_objects_of_others_are_read_without_our_digest(s3: str, tmp_path: Path) -> None:
    store = open_store(s3)
    assert isinstance(store, S3Store)
    store.client.put_object(Bucket=store.bucket, Key=f"{store.prefix}/theirs", Body=b"theirs")
    store.download("theirs", tmp_path / "target")
    assert store.get("theirs") == (tmp_path / "target").read_bytes() == b"theirs"


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_wrong_credentials_are_the_users(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setenv(name, "wrong-canary")
    store = open_store(s3)
    attempts: list[Callable[[], object]] = [
        lambda: store.get("key"),
        lambda: store.size("key"),
        lambda: store.put("key", b""),
        lambda: store.put_new("key", b""),
        store.keys,
        lambda: store.upload(tmp_path / "file", "key"),
        lambda: store.download("key", tmp_path / "other"),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="S3 refused the request") as caught:
            attempt()
        assert "canary" not in caught.value.line


def test_no_credentials(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match="Set AWS_ACCESS_KEY_ID"):
        open_store(s3).get("key")


def test_no_such_bucket(s3: str) -> None:
    with pytest.raises(UserError, match="no such bucket"):
        open_store("s3://not-there/prefix").put("key", b"")
    with pytest.raises(UserError, match="no such bucket"):
        open_store("s3://not-there/prefix").keys()


def test_a_store_that_is_not_there_is_worth_another_try(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "ATTEMPTS", 2)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(RetryError, match=r"cannot be reached .*Check AWS_ENDPOINT_URL"):
            open_store(s3).get("key")


def test_a_store_that_never_answers_is_given_up(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "ATTEMPTS", 2)
    monkeypatch.setattr(s3_client, "READ_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(RetryError, match="cannot be reached"):
            open_store(s3).download("key", tmp_path / "file")


def test_an_endpoint_that_is_none(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(UserError, match=r"AWS_ENDPOINT_URL.*nonsense"):
        open_store(s3)


@pytest.mark.parametrize("uri", ["", "s3://", "gs://bucket/prefix"])
def test_what_is_no_store(uri: str) -> None:
    with pytest.raises(UserError, match="is not a store"):
        open_store(uri)


def test_hidden_names_are_refused_where_they_could_not_be_listed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="hidden part"):
        open_store(str(tmp_path)).put("a/.b", b"")


@pytest.mark.parametrize("algorithm", ["AES256", "aws:kms"])
def test_each_write_asks_for_the_encryption_that_is_set(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    monkeypatch.setenv(s3_client.SSE, algorithm)
    if algorithm == "aws:kms":
        monkeypatch.setenv(s3_client.KMS_KEY, "alias/evertune")
    store, asked = S3Store(*s3.removeprefix("s3://").split("/", 1)), []

    def note(request: Any, **_: Any) -> Any:
        asked.append({key: value for key, value in request.headers.items() if "server-side" in key.lower()})
        return AWSResponse(request.url, 200, {}, Raw())

    store.client.meta.events.register_first("before-send.s3", note)
    (tmp_path / "file").write_bytes(b"data")
    store.put("a", b"data")
    store.put_new("b", b"data")
    store.upload(tmp_path / "file", "c")
    key = {"x-amz-server-side-encryption-aws-kms-key-id": b"alias/evertune"} if algorithm == "aws:kms" else {}
    assert asked == [{"x-amz-server-side-encryption": algorithm.encode(), **key}] * 3


@pytest.mark.parametrize(
    ("algorithm", "key", "told"),
    [
        ("aes", "", "EVERTUNE_S3_SSE: 'aes' is no encryption of S3. Give AES256 or aws:kms"),
        ("", "alias/a", "EVERTUNE_S3_KMS_KEY: a key is given, but EVERTUNE_S3_SSE is unset. Set aws:kms"),
    ],
)
def test_a_wrong_encryption_is_refused(
    s3: str, monkeypatch: pytest.MonkeyPatch, algorithm: str, key: str, told: str
) -> None:
    monkeypatch.setenv(s3_client.SSE, algorithm)
    monkeypatch.setenv(s3_client.KMS_KEY, key)
    with pytest.raises(UserError) as error:
        open_store(s3)
    assert told in error.value.line


def test_dvc_is_told_the_encryption_of_its_remote_in_s3_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(s3_client.SSE, "aws:kms")
    monkeypatch.setenv(s3_client.KMS_KEY, "alias/evertune")
    config = ConfigParser()
    config.read_string(dvc_remote.encryption_settings("s3://bucket/data"))
    assert dict(config["'remote \"store\"'"]) == {"sse": "aws:kms", "sse_kms_key_id": "alias/evertune"}
    assert dvc_remote.encryption_settings("/data") == ""
