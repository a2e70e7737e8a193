"""The command line of each step, its Kubeflow component and dvc.yaml agree; defaults stand once."""

import inspect

import pytest
from kfp.dsl import InputPath, OutputPath

from components.shared import options
from components.shared.entry import build_parser
from pipelines.steps import STEPS, config_of, module_of

COMMON = {"help", "check", "executor_input", "executor_output"}


def component_of(step):
    return getattr(module_of(step, "component"), step)


def arguments_of(step):
    return inspect.signature(component_of(step).pipeline_func).parameters


@pytest.mark.parametrize("step", STEPS)
def test_component_has_one_argument_for_each_flag(step):
    parser = build_parser(config_of(step), None)
    flags = {action.dest for action in parser._actions} - COMMON
    assert set(arguments_of(step)) == flags


@pytest.mark.parametrize("step", STEPS)
def test_component_arguments_have_the_types_of_the_options_and_no_defaults(step):
    config = config_of(step)
    for name, argument in arguments_of(step).items():
        assert argument.default is inspect.Parameter.empty, name
        if name in options.fields_of(config, options.OPTION):
            assert argument.annotation is options.type_of(config, name), name


@pytest.mark.parametrize("step", STEPS)
def test_component_arguments_are_of_the_kind_that_the_field_declares(step):
    kinds = {
        options.OUTPUT_PARAMETER: lambda a: isinstance(a, OutputPath),
        options.INPUT_ARTIFACT: lambda a: "InputAnnotation" in str(a),
        options.OUTPUT_ARTIFACT: lambda a: "OutputAnnotation" in str(a),
        options.IDENTITY: lambda a: a is str or a == dict[str, object] or "dict" in str(a),
        options.OPTION: lambda a: a in (str, int, float, bool),
    }
    for name, field in options.fields_of(config_of(step)).items():
        annotation = arguments_of(step)[name].annotation
        assert not isinstance(annotation, InputPath)
        assert kinds[field.metadata["kind"]](annotation), name


@pytest.mark.parametrize("step", STEPS)
def test_container_passes_each_argument_under_its_own_flag(step):
    container = component_of(step).component_spec.implementation.container
    words = [str(word) for word in container.args]
    assert container.command == ["python", "-m", f"components.{step}"]
    for name in arguments_of(step):
        value = words[words.index(f"--{name}") + 1]
        assert f"'{name}'" in value, f"--{name} is given {value}"


@pytest.mark.parametrize("step", STEPS)
def test_options_are_scalars_with_help(step):
    for name, field in options.fields_of(config_of(step), options.OPTION).items():
        assert options.type_of(config_of(step), name) in (str, int, float, bool), name
        assert field.metadata["help"].endswith("."), name
