"""Objects in an S3 bucket: checksums, exact conditional writes, bounded repetitions (see `objects`)."""

# ruff: noqa: D102
# `ObjectStore` documents the methods of both stores.

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

from components.shared import s3_client
from components.shared.commands import Deadline
from components.shared.directory_store import Entry, safe_key, whole_range
from components.shared.errors import DamagedError
from components.shared.files import sha256_of, whole_file
from components.shared.s3_client import ABSENT, code_of, listed, persistently

T = TypeVar("T")
SHA256: Final = "sha256"
"""Name of the metadata that holds an object's digest. Objects that we wrote are compared with it when they are read."""
WRITER: Final = "writer"
"""Name of the metadata by which a conditional write that was repeated knows its own first try."""


class S3Store:
    """Objects in an S3 bucket, below a prefix.

    Args:
        bucket: Its name.
        prefix: Beginning of all keys, without `/` at its ends; may be empty.
        deadline: When to give up; each operation has a longest time of its own besides.
    """

    def __init__(self, bucket: str, prefix: str, deadline: Deadline | None = None) -> None:
        self.bucket, self.prefix = bucket, prefix
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self.client = s3_client.s3_client()
        self._deadline, self._seconds = deadline, s3_client.operation_seconds()
        self._encryption = s3_client.encryption()

    def get(self, key: str) -> bytes | None:
        return self._unless_absent(key, lambda: self._read(key))

    def get_range(self, key: str, begin: int, size: int) -> bytes:
        return self._do(key, lambda: whole_range(self._read_range(key, begin, size), size, self._where(key)))

    def put(self, key: str, data: bytes) -> None:
        metadata = {SHA256: hashlib.sha256(data).hexdigest()}
        self._do(key, lambda: self.client.put_object(**self._at(key), **self._encryption, Body=data, Metadata=metadata))

    def put_new(self, key: str, data: bytes) -> bool:
        metadata = {SHA256: hashlib.sha256(data).hexdigest(), WRITER: uuid.uuid4().hex}
        return self._do(key, lambda: self._write_new(key, data, metadata))

    def download(self, key: str, path: Path) -> None:
        def read() -> None:
            with whole_file(path) as partial:
                metadata = self.client.head_object(**self._at(key)).get("Metadata", {})
                self.client.download_file(self.bucket, self._name(key), str(partial))
                if SHA256 in metadata:
                    self._compare(key, sha256_of(partial), metadata)
                s3_client.stop_if_given_up()  # the transfer has threads of its own, which do not know

        self._do(key, read)

    def upload(self, path: Path, key: str) -> None:
        extra = {**self._encryption, "Metadata": {SHA256: sha256_of(path)}}
        self._do(key, lambda: self.client.upload_file(str(path), self.bucket, self._name(key), ExtraArgs=extra))

    def size(self, key: str) -> int | None:
        return self._unless_absent(key, lambda: int(self.client.head_object(**self._at(key))["ContentLength"]))

    def keys(self, prefix: str = "") -> list[str]:
        return [entry.key for entry in self.entries(prefix)]

    def entries(self, prefix: str = "") -> list[Entry]:
        start = f"{self.prefix}/{prefix}" if self.prefix else prefix
        skip = len(self.prefix) + 1 if self.prefix else 0
        found = self._do(prefix, lambda: listed(self.client, self.bucket, start))
        entries = (Entry(item["Key"][skip:], item["Size"], item["LastModified"].timestamp()) for item in found)
        return sorted(entries, key=lambda entry: entry.key)

    def delete(self, key: str) -> None:
        self._do(key, lambda: self.client.delete_object(**self._at(key)))

    def _read(self, key: str) -> bytes:
        answer = self.client.get_object(**self._at(key))
        data = _body(answer)
        self._compare(key, hashlib.sha256(data).hexdigest(), answer.get("Metadata", {}))
        return data

    def _read_range(self, key: str, begin: int, size: int) -> bytes:
        from botocore.exceptions import ClientError

        try:
            return _body(self.client.get_object(**self._at(key), Range=f"bytes={begin}-{begin + size - 1}"))
        except ClientError as error:
            if code_of(error) in ("InvalidRange", "416"):  # it ends before the range begins
                return b""
            raise

    def _write_new(self, key: str, data: bytes, metadata: dict[str, str]) -> bool:
        from botocore.exceptions import ClientError

        try:
            self.client.put_object(**self._at(key), **self._encryption, Body=data, Metadata=metadata, IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) not in ("PreconditionFailed", "412"):
                raise
            there = self.client.head_object(**self._at(key)).get("Metadata", {})
            return bool(there.get(WRITER) == metadata[WRITER])
        return True

    def _compare(self, key: str, digest: str, metadata: dict[str, str]) -> None:
        recorded = metadata.get(SHA256, digest)
        if recorded != digest:
            raise DamagedError(
                f"the object is damaged: its sha256 is {digest[:16]}…, {recorded[:16]}… was written",
                where=self._where(key),
                remedy="restore it from a copy or make it again",
            )

    def _unless_absent(self, key: str, call: Callable[[], T]) -> T | None:
        from botocore.exceptions import ClientError

        def attempt() -> T | None:
            try:
                return call()
            except ClientError as error:
                if code_of(error) in ABSENT:
                    return None
                raise

        return self._do(key, attempt)

    def _do(self, key: str, call: Callable[[], T]) -> T:
        """See `persistently`."""
        left = self._seconds if self._deadline is None else min(self._seconds, self._deadline.left)
        return persistently(self._where(key), left, call)

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{safe_key(key)}" if self.prefix else safe_key(key)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self._name(key)}

    def _where(self, key: str) -> str:
        return f"{self.uri}/{key}"


def _body(answer: dict[str, Any]) -> bytes:
    from botocore.exceptions import ReadTimeoutError, ResponseStreamingError

    try:
        with closing(answer["Body"]) as body:  # as a context it would give the raw stream
            data: bytes = body.read()
    except ReadTimeoutError as error:  # in the middle of the body, where botocore does not repeat
        raise ResponseStreamingError(error=error) from error
    return data
