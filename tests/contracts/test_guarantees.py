"""The page of guarantees names tests that exist and reaches what was promised."""

import ast
import re

from pipelines.profiles import ROOT

PAGE = (ROOT / "docs/reference/guarantees.md").read_text()
ROW = re.compile(
    r"^\| (?P<kind>[^|]+) \| (?P<count>\d+) \| (?P<outcome>[^|]+) \| `(?P<file>[^:`]+)::(?P<test>\w+)` \|$"
)


def rows():
    return [match for line in PAGE.splitlines() if (match := ROW.match(line))]


def test_every_test_on_the_page_exists():
    for row in rows():
        tree = ast.parse((ROOT / row["file"]).read_text())
        assert row["test"] in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, row[0]


def test_every_test_that_injects_faults_is_on_the_page():
    named = {row["test"] for row in rows()}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                asks = "injected" in {argument.arg for argument in node.args.args}
                assert not asks or node.name in named, f"run `make guarantees` for {path.name}::{node.name}"


def test_there_are_as_many_as_promised():
    found = rows()
    assert len(found) == PAGE.count("\n| ") - 1
    assert len({row["kind"] for row in found}) >= 25
    assert sum(int(row["count"]) for row in found) >= 200
