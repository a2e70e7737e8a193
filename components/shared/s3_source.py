"""Sources in S3: pinned by the ETags of their objects, and downloaded only while these still hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from components.shared.directory_store import safe_key
from components.shared.errors import UserError
from components.shared.references import S3, Reference
from components.shared.s3_client import listed, operation_seconds, persistently, s3_client
from components.shared.source_files import SourceFile, changed

_CHUNK = 1 << 20


@dataclass(frozen=True)
class _Object:
    key: str
    name: str
    etag: str
    size: int


def pin_s3(uri: str, where: str) -> Reference:
    """Pins an object, or all objects below a prefix, to what they hold now.

    Raises:
        UserError: if there is nothing, or nothing but empty objects.
    """
    found = _listing(uri)
    if not found:
        raise UserError(f"no object at {uri}", where=where, remedy="correct the address")
    if not any(item.size for item in found):
        raise UserError(f"{uri} is empty", where=where, remedy="give a source that holds rows")
    return Reference(uri, "etag", _pin(found))


def s3_files(reference: Reference, where: str) -> list[SourceFile]:
    """The objects that were pinned, in the order of their keys.

    Raises:
        UserError: if they are not what they were when they were pinned.
    """
    bucket = _split(reference.uri)[0]
    found = _listing(reference.uri)
    if _pin(found) != reference.value:
        raise changed(reference.uri, where)
    return [
        SourceFile(
            name=item.name,
            content=f"s3://{bucket}/{item.key} etag={item.etag}",
            fetch=partial(_download, bucket, item, where),
            size=item.size,
        )
        for item in found
    ]


def copy_s3(uri: str, directory: Path, where: str) -> Path:
    """Copies an object, or all objects below a prefix, into an empty directory; gives the path of the copy.

    Raises:
        UserError: if there is none.
    """
    bucket, key = _split(uri)
    found = _listing(uri)
    if not found:
        raise UserError(f"no object at {uri}", where=where, remedy="correct the address")
    copies = directory / "copies"
    for item in found:
        path = copies / safe_key(item.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(bucket, item, where, directory).replace(path)
    return copies / found[0].name if found[0].key == key else copies


def _download(bucket: str, item: _Object, where: str, directory: Path) -> Path:
    uri, client, path = f"s3://{bucket}/{item.key}", s3_client(), directory / "download"

    def read() -> None:
        answer = client.get_object(Bucket=bucket, Key=item.key)
        if answer["ETag"].strip('"') != item.etag:
            raise changed(uri, where)
        with path.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                file.write(chunk)

    persistently(uri, operation_seconds(), read)
    return path


def _listing(uri: str) -> list[_Object]:
    bucket, key = _split(uri)
    folder = f"{key.rstrip('/')}/" if key else ""
    client = s3_client()
    items = persistently(uri, operation_seconds(), lambda: listed(client, bucket, key.rstrip("/")))
    single = [item for item in items if item["Key"] == key]
    chosen = single or [i for i in items if i["Key"].startswith(folder) and not i["Key"].endswith("/")]
    skip = len(key.rpartition("/")[0]) + 1 if single and "/" in key else 0 if single else len(folder)
    found = [_Object(i["Key"], i["Key"][skip:], i["ETag"].strip('"'), i["Size"]) for i in chosen]
    return sorted(found, key=lambda item: item.key)


def _pin(found: list[_Object]) -> str:
    if len(found) == 1:
        return found[0].etag
    return hashlib.sha256("".join(f"{item.name}\0{item.etag}\n" for item in found).encode()).hexdigest()


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix(S3).partition("/")
    return bucket, key
