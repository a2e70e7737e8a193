"""The docs say what is true: the reference is current and no link is broken."""

import importlib.util
import re

import pytest

from pipelines.profiles import ROOT, SHARED
from pipelines.steps import STEPS

PAGES = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "k8s/*.md") for path in ROOT.glob(pattern)
)


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current():
    generate = generator()
    for name, page in generate.PAGES.items():
        assert (generate.REFERENCE / name).read_text() == page(), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_in_docs_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= targets


def test_the_how_to_uses_options_that_exist():
    import yaml

    text = (ROOT / "docs/how-to/use-your-own-data.md").read_text()
    example = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL).group(1))
    profile = example["profiles"]["tickets"]
    assert set(profile) <= {*SHARED, *STEPS}
    from components.shared.options import options_from
    from pipelines.steps import config_of

    for step in set(profile) & set(STEPS):
        assert options_from(config_of(step), profile[step])
