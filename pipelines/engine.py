"""The Docker engine: whether it answers, whether it has the images, and that no container of ours is left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from components.shared.errors import RetryError, UserError

LABEL: Final = "evertune.run"
STOP_SECONDS: Final = 10
"""How long a container may take to save and end."""


class Engine:
    """An engine that answered, for one run.

    Args:
        client: The Docker SDK's client.
        name: What the run's containers are labelled with.
    """

    def __init__(self, client: Any, name: str) -> None:
        self.client, self.labels = client, {LABEL: name}

    def require(self, images: Mapping[str, str]) -> None:
        """Makes sure that the image of each step is here, pulling those that name a registry.

        Raises:
            UserError: if one cannot be had; nothing has run then.
        """
        from docker.errors import DockerException, ImageNotFound

        for step, image in images.items():
            try:
                try:
                    self.client.images.get(image)
                except ImageNotFound:
                    if "/" not in image:
                        raise UserError(
                            f"there is no image {image} here", where=f"image of {step}", remedy="run `make images`"
                        ) from None
                    self.client.images.pull(image)
            except DockerException as error:
                raise UserError(
                    f"{image} cannot be had: {getattr(error, 'explanation', None) or error}",
                    where=f"image of {step}",
                    remedy="correct the reference, or run `make push REGISTRY=...` again",
                ) from error

    def mounts(self, sources: Mapping[str, Path], *, read_only: bool) -> list[Any]:
        """Bind mounts: path in the container to file or directory of this machine."""
        from docker.types import Mount

        return [Mount(inside, str(path), type="bind", read_only=read_only) for inside, path in sources.items()]

    def answers(self) -> bool:
        """Whether the engine is still there."""
        try:
            return bool(self.client.ping())
        except Exception:  # of the SDK, of requests, of urllib3, of the socket
            return False

    def stop(self) -> None:
        """Stops the containers of this run, also those that an earlier process left behind."""
        label = "=".join(*self.labels.items())
        with suppress(Exception):  # they may end by themselves, and the engine may be gone
            for container in self.client.containers.list(filters={"label": label}):
                with suppress(Exception):
                    container.stop(timeout=STOP_SECONDS)


@contextmanager
def connected(name: str) -> Iterator[Engine]:
    """Connects to the engine that DOCKER_HOST names, or the one of this machine, for one run at a time.

    Raises:
        UserError: if none answers.
    """
    import docker

    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        client = docker.from_env()
        client.ping()
    except Exception as error:  # of the SDK, of requests, of urllib3, of the socket
        raise UserError(
            "no Docker engine answers", where=where, remedy="start dockerd, or set DOCKER_HOST to where it listens"
        ) from error
    engine = Engine(client, name)
    engine.stop()
    try:
        yield engine
    finally:
        engine.stop()
        client.close()


def gone(step: str) -> RetryError:
    """The error for an engine that stopped answering while a step ran."""
    return RetryError(
        "the Docker engine ended while it ran", where=step or "run", remedy="start dockerd and run again: it goes on"
    )
