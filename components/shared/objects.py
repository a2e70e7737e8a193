"""Objects by key, in S3 or in a directory, with deadlines, checksums and conditional writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from components.shared.errors import RetryError, UserError
from components.shared.files import files_under, write_atomically

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
CONNECT_SECONDS, READ_SECONDS = 5, 30
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "ExpiredToken", "InvalidToken")
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
        """Copies an object to a file."""

    def upload(self, path: Path, key: str) -> None:
        """Copies a file to an object."""

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
        return S3Store(bucket, prefix.strip("/"))
    if "://" in uri:
        raise UserError(f"{uri!r} is not a store", remedy="give s3://bucket/prefix or a directory")
    return DirectoryStore(Path(uri))


def upload_tree(store: ObjectStore, root: Path, prefix: str) -> None:
    """Copies all files below `root` to keys below `prefix`."""
    for path in files_under(root):
        store.upload(path, f"{prefix}/{path.relative_to(root).as_posix()}")


def download_tree(store: ObjectStore, prefix: str, root: Path) -> None:
    """Copies all objects below `prefix` to files below `root`."""
    for key in store.keys(f"{prefix}/"):
        path = root / key.removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        store.download(key, path)


class DirectoryStore:
    """Objects as files below a directory."""

    def __init__(self, root: Path) -> None:
        self.root, self.uri = root, str(root)

    def get(self, key: str) -> bytes | None:
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes) -> None:
        write_atomically(self._place(key), data)

    def put_new(self, key: str, data: bytes) -> bool:
        place = self._place(key)
        staged = place.with_name(f".{place.name}.{os.getpid()}.new")
        write_atomically(staged, data)
        try:
            os.link(staged, place)  # fails if the name exists: the file system decides who is first
        except FileExistsError:
            return False
        finally:
            staged.unlink()
        return True

    def download(self, key: str, path: Path) -> None:
        try:
            write_atomically(path, (self.root / key).read_bytes())
        except FileNotFoundError:
            raise _absent(f"{self.uri}/{key}") from None

    def upload(self, path: Path, key: str) -> None:
        write_atomically(self._place(key), path.read_bytes())

    def keys(self, prefix: str = "") -> list[str]:
        names = (path.relative_to(self.root).as_posix() for path in files_under(self.root))
        return [name for name in names if name.startswith(prefix)]

    def delete(self, key: str) -> None:
        (self.root / key).unlink(missing_ok=True)

    def _place(self, key: str) -> Path:
        place = self.root / key
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


class S3Store:
    """Objects in an S3 bucket, below a prefix."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket, self.prefix = bucket, prefix
        self.uri = f"s3://{bucket}/{prefix}".rstrip("/")
        self.client = s3_client()

    def get(self, key: str) -> bytes | None:
        from botocore.exceptions import ClientError

        with translated_errors(f"{self.uri}/{key}"):
            try:
                body: bytes = self.client.get_object(Bucket=self.bucket, Key=self._name(key))["Body"].read()
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise
            return body

    def put(self, key: str, data: bytes) -> None:
        with translated_errors(f"{self.uri}/{key}"):
            self.client.put_object(Bucket=self.bucket, Key=self._name(key), Body=data)

    def put_new(self, key: str, data: bytes) -> bool:
        from botocore.exceptions import ClientError

        with translated_errors(f"{self.uri}/{key}"):
            try:
                self.client.put_object(Bucket=self.bucket, Key=self._name(key), Body=data, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) not in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
                    raise
                # A retried request may meet its own first try.
                return self.get(key) == data
            return True

    def download(self, key: str, path: Path) -> None:
        with translated_errors(f"{self.uri}/{key}"):
            self.client.download_file(self.bucket, self._name(key), str(path))

    def upload(self, path: Path, key: str) -> None:
        with translated_errors(f"{self.uri}/{key}"):
            self.client.upload_file(str(path), self.bucket, self._name(key))

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2")
        with translated_errors(f"{self.uri}/{prefix}"):
            found = [
                item["Key"]
                for page in pages.paginate(Bucket=self.bucket, Prefix=self._name(prefix))
                for item in page.get("Contents", ())
            ]
        skip = len(self.prefix) + 1 if self.prefix else 0
        return sorted(key[skip:] for key in found)

    def delete(self, key: str) -> None:
        with translated_errors(f"{self.uri}/{key}"):
            self.client.delete_object(Bucket=self.bucket, Key=self._name(key))

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key


def s3_client() -> S3Client:
    """An S3 client with bounded retries and deadlines."""
    import boto3
    from botocore.config import Config

    settings = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"} if os.environ.get("AWS_ENDPOINT_URL") else {},
    )
    return boto3.client("s3", config=settings, region_name=os.environ.get("AWS_REGION", "us-east-1"))


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Turns botocore's errors into UserError (permission, no bucket) or RetryError (not reachable)."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise UserError(
            "no S3 credentials", where=where, remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    except ClientError as error:
        code = _code(error)
        if code in _DENIED:
            raise UserError(
                f"S3 refused the request ({code})", where=where, remedy="check the credentials and their permissions"
            ) from error
        if code == "NoSuchBucket":
            raise UserError("no such bucket", where=where, remedy="create it or correct the address") from error
        if code in _ABSENT:
            raise _absent(where) from error
        raise RetryError(f"S3 answered {code}", where=where, remedy="run again later") from error
    except (BotoCoreError, Boto3Error) as error:
        raise RetryError(
            f"S3 cannot be reached ({type(error).__name__})", where=where, remedy="check AWS_ENDPOINT_URL, run again"
        ) from error


def _absent(where: str) -> UserError:
    return UserError("no such object", where=where, remedy="correct the address or make it again")


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
