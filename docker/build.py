"""Builds the images that docker-bake.hcl lists with plain `docker build`, and pushes them.

    python docker/build.py                          build all, as `make images`
    python docker/build.py --only train             build some
    python docker/build.py --push registry:5000/    push, and record the digests, as `make push REGISTRY=registry:5000/`

Pip's own variables (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_TRUSTED_HOST) reach the build; local
directories in PIP_FIND_LINKS are served to it on loopback. A CA bundle named by PIP_CERT or SSL_CERT_FILE is a build
secret: it is in no layer, and so is where the served directories are, which is another port each time. What was built
is written to build/images.json, which `make compile IMAGES=...` reads.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[1]
BAKE = ROOT / "docker" / "docker-bake.hcl"
RECORD = ROOT / "build" / "images.json"
SHARED_INPUTS = (
    *("docker/Dockerfile", "docker/select_source.py", "docker/slim.py", "docker/docker-bake.hcl", ".dockerignore"),
    *("components/shared", "requirements/init.txt", "requirements/torch.txt", ":!components/**/component.py"),
)
CHECKS_OPTIONS = "components/resolve"  # its image holds the options of all steps
AT_ONCE = 2
"""Images that are built at the same time: pip uses one core, and waits for the index."""
VARIABLES = ("BASE_IMAGE", "TAG", "EXTRAS", "CLEAN_EXTRAS")
INDEX_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")


class BuildError(Exception):
    """What went wrong, on one line, with the remedy."""


def targets(variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The images of docker-bake.hcl, by name: their tag and their build arguments.

    Args:
        variables: Values for the variables of the file, over their defaults.
    """
    with BAKE.open(encoding="utf-8") as file:
        tree = _plain(hcl2.load(file))
    values = {name: body.get("default", "") for block in tree["variable"] for name, body in block.items()}
    values |= {name: value for name, value in variables.items() if value}
    blocks = {name: body for block in tree["target"] for name, body in block.items()}
    found = {}
    for name, body in blocks.items():
        if "tags" not in body:
            continue
        arguments = dict(body["args"])
        for parent in body.get("inherits", []):
            arguments = {**blocks[parent].get("args", {}), **arguments}
        found[name] = {
            "tag": _expand(body["tags"][0], values),
            "args": {key: _expand(str(value), values) for key, value in arguments.items()},
        }
    return found


def build(name: str, target: Mapping[str, Any], pip_configuration: Path) -> None:
    """Builds one image."""
    arguments = {
        **target["args"],
        **{variable: os.environ[variable] for variable in INDEX_VARIABLES if os.environ.get(variable)},
        "REVISION": revision(target["args"]),
        "VERSION": re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[0],
        "SOURCE": re.sub(r"//[^/@]*@", "//", _git("config", "--get", "remote.origin.url")),
    }
    command = ["docker", "build", "--network", "host", "--file", "docker/Dockerfile", "--tag", target["tag"]]
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    command += ["--secret", f"id=pip,src={pip_configuration}"]
    bundle = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    if bundle and Path(bundle).is_file():
        command += ["--secret", f"id=ca,src={bundle}"]
    started = time.monotonic()
    _run([*command, "."], f"building {name}")
    print(f"{name}: {target['tag']}, {time.monotonic() - started:.0f} s", flush=True)


def revision(arguments: Mapping[str, str]) -> str:
    """The last commit that touched what an image is made of, with `-dirty` when files differ from it.

    Another commit gives the same image with the same digest, so that Kubeflow's cache, whose key holds it, still hits.
    """
    steps = [f"components/{step}" for step in arguments["STEPS"].split()]
    groups = [arguments["GROUP"], *arguments.get("EXTRAS", "").split()]
    inputs = [*(f"requirements/{group}.txt" for group in groups), *SHARED_INPUTS, *steps]
    if CHECKS_OPTIONS in steps:
        inputs.append("components/*/config.py")
    changed = _git("status", "--porcelain", "--", *inputs)
    return _git("log", "-1", "--format=%H", "--", *inputs) + ("-dirty" if changed else "")


def push(target: Mapping[str, Any], registry: str) -> str:
    """Pushes an image and returns its reference by digest."""
    remote = f"{registry}{target['tag'].rpartition('/')[2]}"
    _run(["docker", "tag", target["tag"], remote], f"tagging {remote}")
    _run(["docker", "push", "--quiet", remote], f"pushing {remote}")
    found = _output(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", remote])
    repository = remote.rpartition(":")[0]
    digests = [reference for reference in json.loads(found) if reference.startswith(f"{repository}@")]
    if not digests:
        raise BuildError(f"{remote} has no digest after the push; check the registry")
    return str(digests[0])


def main(argv: Sequence[str] | None = None) -> None:
    """Builds, or pushes, and records the references."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="IMAGE", help="names of images (default: all)")
    parser.add_argument("--push", metavar="REGISTRY", help="push to this registry (with / at the end) what is built")
    arguments = parser.parse_args(argv)
    try:
        _output(["docker", "version", "--format", "{{.Server.Version}}"])
        record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        record |= _push_all(arguments.push, arguments.only) if arguments.push else _build_all(arguments.only)
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    except BuildError as error:
        sys.exit(f"images: {error}")


def chosen(names: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """The images of these names, or all; VARIABLES of the environment count."""
    known = targets({name: os.environ.get(name, "") for name in VARIABLES})
    if unknown := set(names or ()) - set(known):
        raise BuildError(f"no image {', '.join(unknown)}; docker-bake.hcl has {', '.join(known)}")
    return {name: known[name] for name in names or known}


def _build_all(names: Sequence[str] | None) -> dict[str, str]:
    images = chosen(names)
    with pip_configuration(os.environ.get("PIP_FIND_LINKS", "")) as configuration, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda image: build(*image, configuration), images.items()))
    return {name: target["tag"] for name, target in images.items()}


def _push_all(registry: str, names: Sequence[str] | None) -> dict[str, str]:
    pushed = {}
    for name, target in chosen(names).items():
        pushed[name] = push(target, registry.rstrip("/") + "/")
        print(f"{name}: {pushed[name]}", flush=True)
    return pushed


@contextmanager
def pip_configuration(find_links: str) -> Iterator[Path]:
    """A configuration of pip with PIP_FIND_LINKS as a build can reach it: local directories are served on loopback."""
    with ExitStack() as stack:
        places = []
        for given in find_links.split():
            place = given
            if Path(given).is_dir():
                handler = functools.partial(_Quiet, directory=given)
                server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
                stack.callback(server.shutdown)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                place = f"http://127.0.0.1:{server.server_port}/"
            places.append(place)
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "pip.conf"
        file.write_text(f"[global]\nfind-links = {' '.join(places)}\n" if places else "")
        yield file


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing: pip tells what it downloads."""


def _run(command: Sequence[str], what: str) -> None:
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-6000:], file=sys.stderr)
        raise BuildError(f"{what} failed with exit code {done.returncode}; see the lines above")


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError("docker is not installed; install a Docker engine") from None
    if done.returncode:
        raise BuildError(f"no Docker engine answers ({done.stderr.strip().splitlines()[-1]}); start dockerd")
    return done.stdout.strip()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _expand(text: str, values: Mapping[str, str]) -> str:
    plain = values.get(text, text)
    return re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], plain)


def _plain(tree: Any) -> Any:
    """The parsed file without the quotes that the parser keeps."""
    if isinstance(tree, dict):
        return {_plain(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    return tree.strip('"') if isinstance(tree, str) else tree


if __name__ == "__main__":
    main()
