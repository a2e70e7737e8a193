"""Images, a registry to pull them from, and a clone whose profile `quick` trains for seconds only."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.images import IMAGES
from pipelines.steps import STEPS
from tests.processes import PATIENCE, wait_for

QUICK = {"train": {"epochs": 1, "max_tokens": 16, "checkpoint_steps": 20, "evaluations_per_epoch": 1}}
RESTRICTED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "10001:10001"),
    *("--tmpfs", "/tmp:rw,noexec,nosuid,nodev,mode=1777"),
)


class Docker:
    """The command line of Docker."""

    def __call__(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command; checks its exit code, unless that is None."""
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=3600)
        assert code is None or done.returncode == code, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    def image(self, step: str) -> str:
        """The local image of a step."""
        return f"evertune-{IMAGES[step]}:latest"

    def step(
        self, step: str, *flags: str, options: tuple[str, ...] = (), code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Runs a step as restricted as on a cluster, without network."""
        restricted = ("--rm", "--network", "none", *RESTRICTED, *options)
        return self("run", *restricted, self.image(step), "python", "-m", f"components.{step}", *flags, code=code)

    def inspect(self, image: str) -> dict[str, Any]:
        """What the engine knows of an image."""
        return dict(json.loads(self("image", "inspect", image).stdout)[0])


@pytest.fixture(scope="session")
def docker() -> Docker:
    """The engine with the images. Without them these tests fail: they are never skipped."""
    docker = Docker()
    if not shutil.which("docker") or docker("version", code=None).returncode:
        pytest.fail("no Docker engine answers; install docker.io and start dockerd", pytrace=False)
    for step in STEPS:
        if docker("image", "inspect", docker.image(step), code=None).returncode:
            pytest.fail(f"there is no image {docker.image(step)}; run: make images", pytrace=False)
    return docker


def listens(address: str) -> bool:
    """Whether a server listens there."""
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.fixture(scope="session")
def image_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real registry on loopback."""
    if not shutil.which("docker-registry"):
        pytest.fail("docker-registry is missing; apt-get install docker-registry", pytrace=False)
    place = tmp_path_factory.mktemp("registry")
    server, address = served(place)
    yield address
    server.terminate()
    server.wait(PATIENCE)
    shutil.rmtree(place / "data", ignore_errors=True)


def served(place: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Starts a registry; gives it and its address. It cannot choose its port, and a free one may be taken meanwhile."""
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        settings = {
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(place / "data")}},
            "http": {"addr": address},
        }
        (place / "config.yml").write_text(yaml.safe_dump(settings))
        with (place / "log").open("wb") as log:
            server = subprocess.Popen(["docker-registry", "serve", str(place / "config.yml")], stdout=log, stderr=log)
        wait_for(lambda: server.poll() is not None or listens(address))  # noqa: B023 - called at once
        if server.poll() is None:
            return server, address
    raise AssertionError((place / "log").read_text())


class Runner:
    """Runs `evertune run-containers` in a clone, with a profile that trains for seconds."""

    def __init__(self, clone: Any, docker: Docker) -> None:
        self.clone, self.docker = clone, docker
        self.images = clone.path / "build/images.json"
        self.place = clone.path / ".evertune/containers/quick"

    def start(self, images: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        """Starts a run."""
        command = [sys.executable, "-m", "pipelines", "run-containers", "--profile", "quick"]
        return subprocess.Popen(
            [*command, "--images", str(images or self.images)],
            cwd=self.clone.path,
            env=self.clone.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, running: subprocess.Popen[str], code: int) -> tuple[str, str]:
        """Waits for the end and checks the exit code; gives what was written to stdout and stderr."""
        out, err = running.communicate(timeout=3600)
        assert running.returncode == code, f"{out}\n{err}"
        return out, err

    def __call__(self, code: int = 0, images: Path | None = None, **environment: str) -> tuple[str, str]:
        """Runs to the end."""
        return self.end(self.start(images, **environment), code)

    def facts(self) -> dict[str, Any]:
        """The facts of the last run that ended well."""
        facts: dict[str, Any] = json.loads((self.clone.path / ".evertune/last-container-run.json").read_text())
        return facts

    def outputs(self) -> Path:
        """What the steps of the last run wrote."""
        (run,) = (self.place / "outputs").glob("retrain-*")
        return run

    def containers(self) -> list[dict[str, str]]:
        """The running containers of steps."""
        listed = self.docker(
            "ps", "--no-trunc", "--filter", f"label=evertune.run={self.place}", "--format", "{{json .}}"
        )
        return [json.loads(line) for line in listed.stdout.splitlines()]

    def container(self, step: str) -> str:
        """The running container of a step; empty when there is none."""
        return next((one["ID"] for one in self.containers() if f"components.{step} " in one["Command"]), "")

    def commits(self) -> list[str]:
        """The commits of the run's dataset registry."""
        command = ["git", "-C", str(self.place / "registry.git"), "rev-list", "--all"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="session")
def run(clone: Any, docker: Docker, image_registry: str) -> Iterator[Runner]:
    """Container runs whose images are pulled by digest from a registry."""
    path = clone.path / "params.yaml"
    values = yaml.safe_load(path.read_text())
    values["profiles"]["quick"] = QUICK
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    clone(sys.executable, "docker/build.py", "--push", f"{image_registry}/")
    runner = Runner(clone, docker)
    references = json.loads(runner.images.read_text()).values()
    for reference in references:
        docker("rmi", "--no-prune", f"{reference.partition('@')[0]}:latest")
        assert docker("image", "inspect", reference, code=None).returncode, "it would not be pulled"
    yield runner
    for reference in references:
        docker("rmi", "--no-prune", reference, code=None)
