"""What `python -m components.<step>` and `evertune` promise to anybody who calls them."""

import subprocess
import sys

import pytest

from pipelines.steps import STEPS, option_defaults

HEAVY = ("torch", "transformers", "pyarrow", "boto3", "kfp", "numpy", "dvc", "yaml")
PROBE = """
import runpy, sys
sys.argv = ["x", "--help"]
try:
    runpy.run_module("components.{step}", run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert end.code == 0, end.code
print("imported:", *[name for name in {heavy} if name in sys.modules])
"""


def run(*command):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("step", STEPS)
def test_help_names_every_default_and_imports_nothing_heavy(step):
    told = run("-c", PROBE.format(step=step, heavy=HEAVY))
    assert told.returncode == 0, told.stderr
    assert told.stdout.rstrip().endswith("imported:")
    assert f"python -m components.{step}" in told.stdout
    for name in option_defaults(step):
        assert f"--{name}" in told.stdout


@pytest.mark.parametrize(
    ("step", "options", "message"),
    [
        ("train", '{"epoch": 2}', "unknown option 'epoch'. Use one of: epochs"),
        ("train", '{"epochs": 0}', "train.epochs: 0 is out of range. Give at least 1 epochs"),
        ("train", '{"epochs": 1.5}', "train.epochs: 1.5 is not of type int. Give a whole number"),
        ("train", '{"learning_rate": "fast"}', "train.learning_rate: 'fast' is not of type float. Give a number"),
        ("train", '{"schedule": "step"}', "train.schedule: 'step' is not known. Use one of: linear"),
        ("clean", '{"markup": "maybe"}', "clean.markup: 'maybe' is not of type bool. Give true or false"),
    ],
)
def test_a_bad_option_is_one_line_with_field_value_and_remedy(step, options, message):
    told = run("-m", f"components.{step}", "--check", options)
    assert told.returncode == 2
    assert message in told.stderr
    assert told.stderr.count("\n") == 1


def test_good_options_pass_the_check():
    assert run("-m", "components.train", "--check", '{"epochs": 3, "deterministic": false}').returncode == 0


def test_a_missing_flag_is_named():
    told = run("-m", "components.clean", "--raw", "x")
    assert told.returncode == 2
    assert "missing --task, --cleaned, --findings, --report" in told.stderr


def test_compiling_imports_no_library_of_the_steps(tmp_path):
    told = run(
        "-c",
        "import sys; from pipelines.__main__ import main; "
        f"main(['compile', '--into', {str(tmp_path)!r}]); "
        "print([name for name in ('torch', 'transformers', 'pyarrow', 'numpy', 'datasets') if name in sys.modules])",
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == "[]"
