"""Objects by key, in S3 or in a directory, with deadlines, checksums and conditional writes."""

# ruff: noqa: D102
# `ObjectStore` documents the methods of both stores.

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from components.shared.directory_store import DirectoryStore, no_such_object, safe_key
from components.shared.errors import EvertuneError, RetryError, UserError
from components.shared.files import files_under, sha256_of, whole_file

ATTEMPTS = 5
CONNECT_SECONDS, READ_SECONDS = 5, 30
SHA256: Final = "sha256"
"""Name of the metadata that holds an object's digest. Objects that we wrote are compared with it when they are read."""
WRITER: Final = "writer"
"""Name of the metadata by which a conditional write that was retried knows its own first try."""
_DENIED = (
    *("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "401", "Forbidden"),
    *("ExpiredToken", "InvalidToken", "AccountProblem", "AllAccessDisabled"),
)
_MISDIRECTED = ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "InvalidBucketName")
_ABSENT = ("NoSuchKey", "404", "NotFound")


class ObjectStore(Protocol):
    """Whole objects under keys with `/` as separator."""

    uri: str

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None if there is none."""

    def put(self, key: str, data: bytes) -> None:
        """Writes an object, replacing one that is there."""

    def put_new(self, key: str, data: bytes) -> bool:
        """Writes an object only if there is none; says whether it did. Atomic among writers."""

    def download(self, key: str, path: Path) -> None:
        """Copies an object to a file, which is whole or not there."""

    def upload(self, path: Path, key: str) -> None:
        """Copies a file to an object."""

    def size(self, key: str) -> int | None:
        """Number of bytes of an object, or None if there is none."""

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with `prefix`, sorted."""

    def delete(self, key: str) -> None:
        """Removes an object; none there is no error."""


def open_store(uri: str) -> ObjectStore:
    """The store at `s3://bucket/prefix` or at a directory.

    S3 credentials, region and endpoint come from the standard AWS_* variables.
    """
    if uri.startswith("s3://"):
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if bucket:
            return S3Store(bucket, prefix.strip("/"))
    if "://" in uri or not uri:
        raise UserError(f"{uri!r} is not a store", where="store", remedy="give s3://bucket/prefix or a directory")
    return DirectoryStore(Path(uri).expanduser())


def upload_tree(store: ObjectStore, root: Path, prefix: str) -> None:
    """Copies all files below `root` to keys below `prefix`."""
    for path in files_under(root):
        store.upload(path, f"{prefix}/{path.relative_to(root).as_posix()}")


def download_tree(store: ObjectStore, prefix: str, root: Path) -> None:
    """Copies all objects below `prefix` to files below `root`."""
    for key in store.keys(f"{prefix}/"):
        path = root / safe_key(key.removeprefix(f"{prefix}/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        store.download(key, path)


class S3Store:
    """Objects in an S3 bucket, below a prefix."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket, self.prefix = bucket, prefix
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self.client = s3_client()

    def get(self, key: str) -> bytes | None:
        from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

        with translated_errors(self._where(key)):
            for attempt in range(ATTEMPTS):
                try:
                    answer = self.client.get_object(**self._at(key))
                    with answer["Body"] as body:
                        data: bytes = body.read()
                    _compare(hashlib.sha256(data).hexdigest(), answer.get("Metadata", {}), self._where(key))
                    return data
                except ClientError as error:
                    if _code(error) in _ABSENT:
                        return None
                    raise
                except (HTTPClientError, IncompleteReadError):  # the body broke off; botocore repeats requests only
                    if attempt == ATTEMPTS - 1:
                        raise
        raise AssertionError("unreachable")

    def put(self, key: str, data: bytes) -> None:
        metadata = {SHA256: hashlib.sha256(data).hexdigest()}
        with translated_errors(self._where(key)):
            self.client.put_object(**self._at(key), Body=data, Metadata=metadata)

    def put_new(self, key: str, data: bytes) -> bool:
        from botocore.exceptions import ClientError

        writer = uuid.uuid4().hex
        metadata = {SHA256: hashlib.sha256(data).hexdigest(), WRITER: writer}
        with translated_errors(self._where(key)):
            for attempt in range(ATTEMPTS):
                try:
                    self.client.put_object(**self._at(key), Body=data, Metadata=metadata, IfNoneMatch="*")
                    return True
                except ClientError as error:
                    if _code(error) in ("PreconditionFailed", "412"):
                        there = self.client.head_object(**self._at(key))
                        return bool(there.get("Metadata", {}).get(WRITER) == writer)
                    if _code(error) not in ("ConditionalRequestConflict", "409") or attempt == ATTEMPTS - 1:
                        raise
                    time.sleep(0.1 * 2**attempt)  # another write is under way
        raise AssertionError("unreachable")

    def download(self, key: str, path: Path) -> None:
        with translated_errors(self._where(key)), whole_file(path) as partial:
            metadata = self.client.head_object(**self._at(key)).get("Metadata", {})
            self.client.download_file(self.bucket, self._name(key), str(partial))
            if SHA256 in metadata:
                _compare(sha256_of(partial), metadata, self._where(key))

    def upload(self, path: Path, key: str) -> None:
        metadata = {SHA256: sha256_of(path)}
        with translated_errors(self._where(key)):
            self.client.upload_file(str(path), self.bucket, self._name(key), ExtraArgs={"Metadata": metadata})

    def size(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        with translated_errors(self._where(key)):
            try:
                return int(self.client.head_object(**self._at(key))["ContentLength"])
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2")
        start = f"{self.prefix}/{prefix}" if self.prefix else prefix
        with translated_errors(f"{self.uri}/{prefix}"):
            found = [
                item["Key"]
                for page in pages.paginate(Bucket=self.bucket, Prefix=start)
                for item in page.get("Contents", ())
            ]
        skip = len(self.prefix) + 1 if self.prefix else 0
        return sorted(key[skip:] for key in found)

    def delete(self, key: str) -> None:
        with translated_errors(self._where(key)):
            self.client.delete_object(**self._at(key))

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{safe_key(key)}" if self.prefix else safe_key(key)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self._name(key)}

    def _where(self, key: str) -> str:
        return f"{self.uri}/{key}"


def s3_client() -> Any:
    """An S3 client with bounded retries and deadlines."""
    import boto3
    from botocore.config import Config

    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    settings = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"} if endpoint else {},
    )
    region = os.environ.get("AWS_REGION") or ("us-east-1" if endpoint else None)
    with translated_errors("S3"):
        try:
            # A session of its own: boto3's default one keeps the first credentials it saw.
            return boto3.Session().client("s3", config=settings, region_name=region)
        except ValueError as error:
            raise UserError(str(error), where="AWS_ENDPOINT_URL", remedy="give http(s)://host:port") from error


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Turns botocore's errors into UserError (permission, no bucket) or RetryError (not reachable)."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _refused(error, where) from error
    except (BotoCoreError, Boto3Error) as error:
        # An upload's error hides the answer of S3 behind one of its own.
        hidden = error.__context__
        raise (_refused(hidden, where) if isinstance(hidden, ClientError) else _failed(error, where)) from error


def _refused(error: Any, where: str) -> EvertuneError:
    code = _code(error)
    if code in _DENIED:
        return UserError(
            f"S3 refused the request ({code})", where=where, remedy="check the credentials and their permissions"
        )
    if code in _MISDIRECTED:
        return UserError(
            f"S3 answered {code}", where=where, remedy="check the bucket's name, AWS_REGION, AWS_ENDPOINT_URL"
        )
    if code == "NoSuchBucket":
        return UserError("no such bucket", where=where, remedy="create it or correct the address")
    if code in _ABSENT:
        return no_such_object(where)
    return RetryError(f"S3 answered {code}", where=where, remedy="run again later")


def _failed(error: Exception, where: str) -> EvertuneError:
    from botocore import exceptions

    name = type(error).__name__
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return UserError("no S3 credentials", where=where, remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if isinstance(error, exceptions.ParamValidationError | exceptions.ProfileNotFound | exceptions.NoRegionError):
        return UserError(f"{error}", where=where, remedy="correct the address or the AWS_* variables")
    if isinstance(error, exceptions.ChecksumError | exceptions.FlexibleChecksumError):
        return RetryError("the object does not match its checksum", where=where, remedy="run again, or restore it")
    return RetryError(f"S3 cannot be reached ({name})", where=where, remedy="check AWS_ENDPOINT_URL, run again")


def _compare(digest: str, metadata: dict[str, str], where: str) -> None:
    recorded = metadata.get(SHA256, digest)
    if recorded != digest:
        raise UserError(
            f"the object is damaged: its sha256 is {digest[:16]}…, {recorded[:16]}… was written",
            where=where,
            remedy="restore it from a copy or make it again",
        )


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
