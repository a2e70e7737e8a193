"""The shape of the repository: five files a step, pins that agree, nothing that names a place it was made at."""

import re
import subprocess

import pytest

from pipelines.profiles import ROOT
from pipelines.steps import STEPS

FIVE = {"__init__.py", "__main__.py", "component.py", "config.py", "core.py"}


@pytest.mark.parametrize("step", STEPS)
def test_step_has_its_five_files(step):
    names = {path.name for path in (ROOT / "components" / step).glob("*.py")}
    assert names >= FIVE
    assert "utils.py" not in names
    assert (ROOT / "components" / step / "__init__.py").read_text() == ""


def test_torch_is_pinned_to_one_version():
    pinned = set(re.findall(r"torch==([\d.]+)", (ROOT / "pyproject.toml").read_text()))
    pinned |= set(re.findall(r"torch==([\d.]+)", (ROOT / "requirements/torch.txt").read_text()))
    assert len(pinned) == 1


def test_every_pinned_requirement_has_hashes_and_none_names_an_index():
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text, f"{path.name} names an index"
        if path.stem not in ("torch", "excluded"):
            assert len(re.findall(r"^[a-z].*==", text, re.MULTILINE)) <= text.count("--hash=sha256:")
            assert not re.search(r"^(torch|nvidia|triton)", text, re.MULTILINE)


def test_no_tracked_file_is_a_build_product_or_a_secret():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in listed if re.search(r"\.(pyc|egg-info|safetensors|parquet|pem|key)$", name)]
    assert "build/retrain.yaml" not in listed
