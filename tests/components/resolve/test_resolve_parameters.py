"""The whole configuration is validated first, each step's options by that step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from components.resolve.parameters import check_sections, read_variants, steps
from components.shared.errors import UserError

PARAMS = Path(__file__).parents[3] / "params.yaml"


def complaint(text: str) -> str:
    with pytest.raises(UserError) as caught:
        check_sections(read_variants(text))
    return caught.value.line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ingst: {}", "parameters: unknown name 'ingst'. Did you mean ingest"),
        ("soruce: x", "unknown name 'soruce'. Did you mean source"),
        ("qqqq: x", "unknown name 'qqqq'. Use one of: clean, evaluate"),
        ("task: sing", "task: 'sing' is not known"),
        ("task: 5", "task: 5 is not a text"),
        ("store: ''", "store: '' is not a text"),
        ("dataset: a b", "dataset: 'a b' is not a name"),
        ("dataset: Reviews", "dataset: 'Reviews' is not a name. Use lower-case letters"),
        ("profiles: {zh: {dataset: A}}", "profiles.zh.dataset: 'A' is not a name"),
        ("dataset=Reviews\ntrain.epochs=1", "dataset: 'Reviews' is not a name"),
        ("task=sing\ntrain.epochs=1", "task: 'sing' is not known"),
        ("registry: https://me:word@host/r.git", "registry: the address holds a password"),
        ("source: 'a.csv,https://me:word@host/x.csv'", "source: an address holds a password"),
        ("model_name: ../x", "model_name: '../x' is not a name"),
        ("split: 3", "split: 3 is not a mapping"),
        ("profiles: [a]", "profiles: ['a'] is not a mapping"),
        ("- a", "parameters: ['a'] is not a mapping"),
        ("", "parameters: None is not a mapping"),
        ("a: b: c", "parameters: not valid YAML"),
        ("task: classification\ntask: classification", "'task' is given twice"),
        ("train:\n  epochs: 1\n  epochs: 2", "'epochs' is given twice"),
        ("profiles: {zh: {spilt: {}}}", "profiles.zh: unknown name 'spilt'. Did you mean split"),
        ("profiles: {zh: {profiles: {}}}", "profiles.zh: unknown name 'profiles'"),
    ],
)
def test_names_and_kinds(text, message):
    assert message in complaint(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {epochs: 0}", "train.epochs: 0 is out of range"),
        ("train: {epoch: 1}", "train: unknown option 'epoch'. Use one of: epochs"),
        ("train: {epochs: many}", "train.epochs: 'many' is not of type int"),
        ("split: {test_fraction: .nan}", "split.test_fraction"),
        ("clean: {min_chars: 9, max_chars: 8}", "clean.min_chars: 9 is more than max_chars (8)"),
        ("clean: {cluster_similarity: 0.9}", "clean.cluster_similarity: 0.9 is more than near_duplicate_similarity"),
        ("split: {test_fraction: 0.5, validation_fraction: 0.5}", "leave too little to train on"),
        ("ingest: {label_map: '0'}", "ingest.label_map: '0' is not a name=value pair"),
        ("profiles: {zh: {clean: {max_chars: 0}}}", "profiles.zh: clean.max_chars: 0 is out of range"),
        ("{clean: {min_chars: 9}, profiles: {zh: {clean: {max_chars: 8}}}}", "profiles.zh: clean.min_chars: 9 is more"),
    ],
)
def test_options_of_steps(text, message):
    assert message in complaint(text)


def test_what_ships_is_valid():
    check_sections(read_variants(PARAMS.read_text()))


def test_json_is_as_good_as_yaml():
    parameters = yaml.safe_load(PARAMS.read_text())
    assert read_variants(json.dumps(parameters)) == read_variants(PARAMS.read_text())


def test_empty_sections_are_fine():
    check_sections(read_variants("task: classification\ningest:\nprofiles:\n"))


def test_steps_are_those_that_have_options():
    assert steps() == ["clean", "evaluate", "fetch", "ingest", "promote", "resolve", "split", "train", "version"]


def test_lines_of_the_pipelines_say_the_same():
    told = read_variants(
        "clean.markup=false\ningest.where=\ningest.label_map=0=bad,1='good: \"x\"'\nsplit.train_rows=40.0"
    )
    assert told[""] == {
        "clean": {"markup": "false"},
        "ingest": {"where": "", "label_map": "0=bad,1='good: \"x\"'"},
        "split": {"train_rows": "40.0"},
    }
    check_sections(told)


def test_a_wrong_value_in_a_line_is_told_as_in_yaml():
    with pytest.raises(UserError, match=r"clean\.markup: 'maybe' is not of type bool"):
        check_sections(read_variants("clean.markup=maybe"))


def test_a_text_of_two_lines_is_no_option_of_a_pipeline():
    with pytest.raises(UserError, match=r"'b' is not step\.option=value"):
        read_variants("split.salt=a\nb")
