"""Clients of S3 with bounded retries and deadlines, and S3's errors in words for people."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypeVar

from components.shared.bounded import given_up, within
from components.shared.directory_store import no_such_object
from components.shared.errors import DamagedError, EvertuneError, RetryError, UserError

T = TypeVar("T")
ATTEMPTS = 5
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
CONNECTIONS: Final = 16
"""More than the ten threads of a transfer: others ask meanwhile, and each connection that is too many is a warning."""
OPERATION_SECONDS = 900.0
"""Longest time for reading or writing one object, retries included."""
READINGS_OF_DAMAGE: Final = 2
"""Readings of an object until it is called damaged: bytes may change on the way as well."""
SECONDS: Final = "EVERTUNE_S3_SECONDS"
"""Names the variable that sets another longest time."""
SSE: Final = "EVERTUNE_S3_SSE"
"""Names the variable that asks for server-side encryption: AES256 or aws:kms. Empty leaves it to the bucket."""
KMS_KEY: Final = "EVERTUNE_S3_KMS_KEY"
"""Names the variable with the key for aws:kms; empty takes the bucket's."""
_DENIED = (
    *("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "401", "Forbidden"),
    *("ExpiredToken", "InvalidToken", "AccountProblem", "AllAccessDisabled"),
)
_MISDIRECTED = ("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "InvalidBucketName")
ABSENT: Final = ("NoSuchKey", "404", "NotFound")
_BROKEN_ON_THE_WAY = ("BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "IncompleteBody", "RequestTimeout")
_CONFLICTING = ("ConditionalRequestConflict", "409")


def s3_client() -> Any:
    """An S3 client with bounded retries and deadlines."""
    import boto3
    import botocore.session
    from botocore.config import Config

    endpoint, seconds = os.environ.get("AWS_ENDPOINT_URL"), operation_seconds()
    settings = Config(
        connect_timeout=min(CONNECT_SECONDS, seconds),
        read_timeout=min(READ_SECONDS, seconds),
        max_pool_connections=CONNECTIONS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path"} if endpoint else {},
    )
    region = os.environ.get("AWS_REGION") or ("us-east-1" if endpoint else None)
    with translated_errors("S3"):
        try:
            # A session of its own: boto3's default one keeps the first credentials it saw.
            core = botocore.session.get_session()
            core.register_component("data_loader", _loader())
            client = boto3.Session(botocore_session=core).client("s3", config=settings, region_name=region)
        except ValueError as error:
            raise UserError(str(error), where="AWS_ENDPOINT_URL", remedy="give http(s)://host:port") from error
    client.meta.events.register("before-send.s3", stop_if_given_up)
    return client


def stop_if_given_up(**_: Any) -> None:
    """Ends botocore's retries of what the caller gave up: nobody expects it to be done later."""
    if given_up():
        raise RetryError("given up", where="S3", remedy="run again")


@cache
def _loader() -> Any:
    """Reads the description of S3's interface once for all clients; it takes as long as twenty requests."""
    from botocore.loaders import create_loader

    return create_loader()


def operation_seconds() -> float:
    """Longest time for one object; raises UserError if the environment says nonsense."""
    given = os.environ.get(SECONDS, "")
    try:
        seconds = float(given) if given else OPERATION_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"{given!r} is not a time", where=SECONDS, remedy="give a number of seconds above 0")
    return seconds


def encryption() -> dict[str, str]:
    """What each write asks of S3; raises UserError if the environment says nonsense."""
    algorithm, key = os.environ.get(SSE, ""), os.environ.get(KMS_KEY, "")
    if algorithm not in ("", "AES256", "aws:kms"):
        raise UserError(
            f"{algorithm!r} is no encryption of S3", where=SSE, remedy="give AES256 or aws:kms, or unset it"
        )
    if key and algorithm != "aws:kms":
        raise UserError(f"a key is given, but {SSE} is {algorithm or 'unset'}", where=KMS_KEY, remedy="set aws:kms")
    asked = {"ServerSideEncryption": algorithm, "SSEKMSKeyId": key}
    return {name: value for name, value in asked.items() if value}


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Turns botocore's errors into UserError (permission, no bucket) or RetryError (not reachable)."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _refused(error, where) from error
    except (BotoCoreError, Boto3Error) as error:
        answer = _answer(error)
        raise (_refused(answer, where) if answer else _failed(error, where)) from error
    except (ResponseParserError, HTTPError) as error:  # botocore lets them through from the body of an error
        raise RetryError(
            "S3's answer cannot be read", where=where, remedy="check AWS_ENDPOINT_URL, run again"
        ) from error


def persistently(where: str, seconds: float, call: Callable[[], T]) -> T:
    """Does what may fail on the way: repeats it, bounds its time and translates its errors.

    Args:
        where: The object, for errors.
        seconds: Longest time, repetitions included.
        call: What to do; it may be done several times.
    """
    with translated_errors(where):
        return within(seconds, where, lambda: _repeated(call))


def listed(client: Any, bucket: str, start: str) -> list[dict[str, Any]]:
    """What S3 tells of all objects whose keys begin with `start`."""
    found = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start):
        if "IsTruncated" not in page:  # an answer that was cut short must not pass for an empty store
            raise RetryError("S3's answer cannot be read", where=f"s3://{bucket}/{start}", remedy="run again")
        found += page.get("Contents", ())
    return found


def code_of(error: BaseException) -> str:
    """S3's error code, empty if it gave none."""
    answer = _answer(error)
    return str(answer.response.get("Error", {}).get("Code", "")) if answer else ""


def _repeated(call: Callable[[], T]) -> T:
    for attempt in range(ATTEMPTS - 1):
        try:
            return call()
        except DamagedError:
            if attempt == READINGS_OF_DAMAGE - 1:
                raise
        except Exception as error:
            if given_up() or not (isinstance(error, RetryError) or _worth_repeating(error)):
                raise
        time.sleep(0.1 * 2**attempt)
    return call()


def _worth_repeating(error: BaseException) -> bool:
    """Whether the same request may succeed at once; those that botocore repeats itself are left out."""
    from boto3.exceptions import RetriesExceededError
    from botocore import exceptions
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    broken_off = (
        HTTPError,
        *(exceptions.ResponseStreamingError, exceptions.IncompleteReadError, RetriesExceededError),
        *(exceptions.ChecksumError, exceptions.FlexibleChecksumError, ResponseParserError),
    )
    return isinstance(error, broken_off) or code_of(error) in (*_BROKEN_ON_THE_WAY, *_CONFLICTING)


def _answer(error: BaseException) -> Any:
    """The error that S3 answered; an upload's error hides it behind one of its own."""
    from botocore.exceptions import ClientError

    return next((one for one in (error, error.__context__) if isinstance(one, ClientError)), None)


def _refused(error: Any, where: str) -> EvertuneError:
    code = code_of(error)
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
    if code in ABSENT:
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
