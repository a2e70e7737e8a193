"""Follows CONTRIBUTING's recipe "add a component" in a copy of the repository, then breaks it."""

import re
import shutil
import subprocess
import sys

import pytest

from pipelines.profiles import ROOT

CONFIG = '''"""Options of `count`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.options import StepConfig, input_artifact, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.count`."""

    step: ClassVar[str] = "count"

    splits: Path = input_artifact("Directory of the split dataset.")
    counts: Path = output_artifact("JSON file of the number of words in each split.")
    least: int = option(1, "Fail when a split has fewer words.", unit="words", low=0)
'''
CORE = '''"""Counts words."""

from __future__ import annotations

import json

from components.count.config import Config
from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.files import write_atomically
from components.shared.result import Result


def run(config: Config) -> Result:
    """Counts the words of each split."""
    dataset = Dataset(config.splits)
    counts = {name: sum(len(row["text"].split()) for row in dataset.rows(name)) for name in dataset.manifest.splits}
    for name, words in counts.items():
        if words < config.least:
            raise UserError(f"{words} words", where=name, remedy="add text or lower count.least")
    write_atomically(config.counts, json.dumps(counts).encode())
    return Result(summary=f"{sum(counts.values())} words")
'''
MAIN = '''"""Counts words.

    python -m components.count --splits splits --counts counts.json
"""

from components.count.config import Config
from components.shared.entry import main

if __name__ == "__main__":
    main(Config, __doc__)
'''
COMPONENT = '''"""The Kubeflow component of `count`."""

from kfp import dsl

from components.images import container


@dsl.container_component
def count(splits: dsl.Input[dsl.Dataset], counts: dsl.Output[dsl.Artifact], least: int) -> dsl.ContainerSpec:
    """Counts words."""
    return container("count", splits=splits.path, counts=counts.path, least=least)
'''
STAGE = """
  count:
    cmd: >-
      python -m components.count --splits split/splits --counts count/counts.json ${count}
    deps: [split/splits, components/count, components/shared]
    params: [count]
    outs: [count/counts.json]
"""
EDGES = {
    "components/images.py": ('    "version": "version",', '    "count": "clean",\n    "version": "version",'),
    "pipelines/steps.py": ('"split", "version"', '"split", "count", "version"'),
    "pipelines/placement.py": (
        '    "version": Needs(',
        '    "count": Needs(cpu=("1", "1"), memory=("1Gi", "1Gi"), scratch="1Gi", hours=1, retries=1),\n'
        '    "version": Needs(',
    ),
    "pipelines/graphs.py": (
        "    return flow.add(\n        version,",
        '    flow.add(count, splits=divided.outputs["splits"])\n    return flow.add(\n        version,',
    ),
    "params.yaml": ("version: {}", "count: {}\nversion: {}"),
    "pyproject.toml": (
        '"components.split", "components.version"',
        '"components.split", "components.count", "components.version"',
    ),
}


def replace(path, old, new):
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}: the recipe's test is out of date"
    path.write_text(text.replace(old, new))


@pytest.fixture
def copy(tmp_path):
    """The repository with the step `count` added as the recipe says."""
    repository = tmp_path / "evertune"
    # What git knows or would: environments and caches are large, and files of other tests come and go.
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, repository / name)
    step = repository / "components" / "count"
    step.mkdir()
    for name, text in (
        ("__init__.py", ""),
        ("config.py", CONFIG),
        ("core.py", CORE),
        ("__main__.py", MAIN),
        ("component.py", COMPONENT),
    ):
        (step / name).write_text(text)
    for name, (old, new) in EDGES.items():
        replace(repository / name, old, new)
    replace(
        repository / "pipelines/graphs.py",
        "from components.evaluate",
        "from components.count.component import count\nfrom components.evaluate",
    )
    replace(repository / "pipelines/graphs.py", '"split", "version")', '"split", "count", "version")')
    with (repository / "dvc.yaml").open("a") as file:
        file.write(STAGE)
    return repository


def contracts(repository):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "-k"]
    chosen = "not recipe and (count or edges)"
    return subprocess.run(
        [*command, chosen], cwd=repository, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_recipe_gives_a_step_that_keeps_the_contracts(copy):
    kept = contracts(copy)
    assert kept.returncode == 0, kept.stdout
    imports = subprocess.run(
        [f"{sys.prefix}/bin/lint-imports", "--no-logo", "--no-cache"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert imports.returncode == 0, imports.stdout


@pytest.mark.slow
def test_an_argument_that_is_forgotten_is_named(copy):
    replace(copy / "components/count/component.py", ", least: int", "")
    replace(copy / "components/count/component.py", ", least=least", "")
    broken = contracts(copy)
    assert broken.returncode != 0, broken.stdout
    assert 'unexpected keyword argument "least"' in broken.stdout


@pytest.mark.slow
def test_each_of_several_parts_that_are_forgotten_is_named(copy):
    for file, old, new in (
        ("components/count/component.py", "least: int", "least: int = 1"),
        ("components/count/component.py", "least=least", "least=counts.path"),
        ("dvc.yaml", "deps: [split/splits, components/count", "deps: [components/count"),
        ("pipelines/graphs.py", '    flow.add(count, splits=divided.outputs["splits"])\n', ""),
    ):
        replace(copy / file, old, new)
    broken = contracts(copy)
    assert broken.returncode != 0, broken.stdout
    for named in (
        "no_defaults[count]", "under_its_own_flag[count]", "depends_on_all_it_reads[count]", "same_steps",
    ):  # fmt: skip
        assert re.search(rf"^FAILED .*{re.escape(named)}", broken.stdout, re.MULTILINE), (named, broken.stdout)
