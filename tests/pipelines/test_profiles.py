import pytest
import yaml

from components.resolve.parameters import check_sections, read_variants
from components.shared.errors import UserError
from components.shared.files import tree_digest
from components.shared.references import local_path
from pipelines import profiles
from pipelines.graphs import pipelines


@pytest.fixture
def params(tmp_path):
    values = yaml.safe_load((profiles.ROOT / "params.yaml").read_text())

    def write(**changes):
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values | changes))
        return path

    return write


TASKS = {
    "reviews": "classification",
    "full": "classification",
    "zh": "classification",
    "cluster": "classification",
    "lm": "causal_lm",
    "mlm": "masked_lm",
    "translate": "translation",
    "summarize": "summarization",
    "qa": "question_answering",
    "chat": "chat",
}


def test_every_profile_of_the_repository_is_known_here():
    assert set(yaml.safe_load((profiles.ROOT / "params.yaml").read_text())["profiles"]) == set(TASKS)


@pytest.mark.parametrize("profile", TASKS)
def test_profiles_of_the_repository_are_valid_and_the_pipelines_take_them(profile):
    parameters = profiles.load(profile)
    assert parameters["task"] == TASKS[profile]
    assert profiles.arguments(parameters).keys() <= pipelines()["retrain"].component_spec.inputs.keys()


def test_resolve_finds_nothing_wrong_with_any_profile():
    check_sections(read_variants((profiles.ROOT / "params.yaml").read_text()))


def test_profile_overlays_single_options():
    full = profiles.load("full")
    assert full["ingest"]["where"] == ""
    assert full["ingest"]["label_map"] == "0=negative,1=positive"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trian": {}}, "unknown name 'trian'. Did you mean train?"),
        ({"train": {"epoch": 1}}, "unknown option 'epoch'"),
        ({"train": {"epochs": -1}}, "train.epochs: -1 is out of range"),
        ({"clean": ["markup"]}, "clean is not a mapping of options"),
        ({"profiles": {"reviews": ["markup"]}}, "profiles.reviews: is not a mapping"),
        ({"profiles": None}, "has no mapping `profiles`"),
        ({"dataset": 2026}, "dataset: 2026 is not a text"),
        ({"source": ""}, "source: '' is not a text"),
        ({"profiles": {"other": {}}}, "no profile 'reviews'. Use one of: other"),
    ],
)
def test_bad_parameters_are_named_with_the_remedy(params, changes, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        profiles.load("reviews", params(**changes))


def test_the_profile_of_the_tutorial_names_the_mirrors_of_the_example():
    example, cluster = profiles.load("reviews"), profiles.load("cluster")
    texts, model = (local_path(example[name], name) for name in ("source", "base_model"))
    assert cluster["source"] == f"{cluster['store']}/sources/{tree_digest(texts)}/{texts.name}"
    assert cluster["base_model"] == f"{cluster['store']}/base-models/{tree_digest(model)}"


def test_missing_value_is_named(params, tmp_path):
    path = params()
    path.write_text(path.read_text().replace("store: s3://evertune\n", ""))
    with pytest.raises(UserError, match="missing store"):
        profiles.load("reviews", path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a: [1", "while parsing"),
        (b"caf\xe9: 1", "codec can't decode"),
        (b"train: {epochs: 1, epochs: 2}", "'epochs' stands twice"),
        (b"train: {}\ntrain: {}", "'train' stands twice"),
        (b"1: x\nprofiles: {reviews: {}}", "unknown name 1"),
        (b"- 1", "has no mapping"),
        (b"", "has no mapping"),
    ],
    ids=["broken", "not UTF-8", "option twice", "step twice", "a number", "list", "empty"],
)
def test_broken_yaml_is_named(tmp_path, content, what):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=what):
        profiles.load("reviews", path)


def test_a_profile_without_changes_is_the_default(params):
    assert profiles.load("mine", params(profiles={"mine": None}))["dataset"] == "reviews"


def test_arguments_name_each_option_by_its_step_and_leave_out_this_machine():
    arguments = profiles.arguments(profiles.load("reviews"))
    assert arguments["split_train_rows"] == 4000
    assert arguments["clean_markup"] is True
    assert "registry" not in arguments
