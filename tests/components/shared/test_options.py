"""Options: declared once, converted and checked wherever they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from components.shared import options
from components.shared.errors import UserError
from components.shared.options import StepConfig, check_options, convert, options_from


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """A step with an option of each type."""

    step: ClassVar[str] = "demo"

    data: Path = options.input_artifact("Data.")
    digest: str = options.identity("Digest.")
    rows: int = options.option(5, "Rows.", unit="rows", low=1, high=9)
    share: float = options.option(0.5, "Share.", low=0, high=1)
    fast: bool = options.option(True, "Fast.")
    kind: str = options.option("a", "Kind.", choices=("a", "b"))

    def check(self) -> None:
        """Refuses one combination."""
        if self.rows == 7 and not self.fast:
            raise UserError("7 rows must be fast", where="demo.rows")


@pytest.mark.parametrize(
    ("name", "value", "converted"),
    [
        ("rows", "3", 3),
        ("rows", 3.0, 3),
        ("share", 1, 1.0),
        ("share", "0.25", 0.25),
        ("fast", "False", False),
        ("fast", True, True),
        ("kind", "b", "b"),
        ("data", "x/y", Path("x/y")),
    ],
)
def test_values_are_converted(name, value, converted):
    found = convert(Config, name, value)
    assert (found, type(found)) == (converted, type(converted)) or isinstance(found, Path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rows", "3.5", "demo.rows: '3.5' is not of type int. Give a whole number"),
        ("rows", True, "demo.rows: True is not of type int"),
        ("rows", None, "None is not of type int"),
        ("rows", "nan", "'nan' is not of type int"),
        ("share", "inf", "'inf' is not of type float. Give a number"),
        ("share", [1], "[1] is not of type float"),
        ("fast", "yes", "'yes' is not of type bool. Give true or false"),
        ("fast", 1, "1 is not of type bool"),
        ("kind", 5, "5 is not of type str. Give a text"),
    ],
)
def test_wrong_types_are_refused(name, value, message):
    with pytest.raises(UserError) as caught:
        convert(Config, name, value)
    assert message in caught.value.line


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rows": 0}, "demo.rows: 0 is out of range. Give at least 1 and at most 9 rows"),
        ({"rows": 10}, "demo.rows: 10 is out of range"),
        ({"share": 1.5}, "demo.share: 1.5 is out of range"),
        ({"kind": "c"}, "demo.kind: 'c' is not known. Use one of: a, b"),
        ({"row": 3}, "demo: unknown option 'row'. Use one of: rows"),
        ({"digest": "x"}, "demo: unknown option 'digest'"),
    ],
)
def test_wrong_values_are_refused(values, message):
    with pytest.raises(UserError) as caught:
        options_from(Config, values)
    assert message in caught.value.line


def test_values_are_checked_however_the_configuration_is_made():
    with pytest.raises(UserError, match=r"demo\.rows: 99 is out of range"):
        Config(data=Path(), digest="x", rows=99)


def test_options_are_checked_against_each_other():
    check_options(Config, '{"rows": 7}')
    with pytest.raises(UserError, match="7 rows must be fast"):
        check_options(Config, '{"rows": 7, "fast": false}')


def test_every_step_declares_plain_types():
    for path in sorted((Path(options.__file__).parents[1]).glob("*/config.py")):
        config = __import__(f"components.{path.parent.name}.config", fromlist=["Config"]).Config
        for name in options.fields_of(config):
            assert options.type_of(config, name) in (str, int, float, bool, Path)
