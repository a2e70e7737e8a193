"""Pickled weights and code that comes with a model: refused, unless an option allows them."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from components.evaluate.predictions import Classifier
from components.resolve.base_model import pin_base_model
from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.train import core

CONFIGURATION = """
from transformers import PretrainedConfig


class OwnConfig(PretrainedConfig):
    model_type = "own"

    def __init__(self, vocab_size=10, hidden_size=8, **others):
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        super().__init__(**others)
"""
MODELING = """
import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration_own import OwnConfig


class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.embeddings = torch.nn.Embedding(config.vocab_size, config.hidden_size)
        self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, **others):
        mask = attention_mask[..., None].to(self.embeddings.weight.dtype)
        mean = (self.embeddings(input_ids) * mask).sum(1) / mask.sum(1)
        return SequenceClassifierOutput(logits=self.classifier(mean))
"""


def refusal(config):
    with pytest.raises(UserError) as caught:
        core.run(config)
    assert not config.model.exists()
    return caught.value.line


@pytest.fixture
def pickled(inputs, tmp_path):
    """The base model with its weights as `torch.save` writes them."""
    model = shutil.copytree(inputs.base_model, tmp_path / "pickled")
    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    return model


@pytest.fixture
def own_code(inputs, tmp_path):
    """A model whose classes are in its directory."""
    model = shutil.copytree(inputs.base_model, tmp_path / "own_code")
    (model / "configuration_own.py").write_text(CONFIGURATION)
    (model / "modeling_own.py").write_text(MODELING)
    words = json.loads((model / "config.json").read_text())["vocab_size"]
    classes = {
        "AutoConfig": "configuration_own.OwnConfig",
        "AutoModelForSequenceClassification": "modeling_own.OwnModel",
    }
    (model / "config.json").write_text(json.dumps({"model_type": "own", "vocab_size": words, "auto_map": classes}))
    torch.manual_seed(1)
    weights = {"embeddings.weight": torch.randn(words, 8), "classifier.weight": torch.randn(2, 8)}
    (model / "model.safetensors").unlink()
    torch.save({**weights, "classifier.bias": torch.zeros(2)}, model / "pytorch_model.bin")
    return model


def test_pickled_weights_train_like_safe_ones_when_allowed(configure, pickled):
    plain = configure("plain", epochs=1)
    allowed = configure("allowed", base_model=pickled, allow_pickle_weights=True, epochs=1)
    core.run(plain)
    core.run(allowed)
    assert sha256_of(plain.model / "model.safetensors") == sha256_of(allowed.model / "model.safetensors")
    assert not list(allowed.model.rglob("*.bin"))


def test_pickled_weights_are_refused_by_default(configure, pickled):
    assert "Give a model saved as safetensors, or set train.allow_pickle_weights" in refusal(
        configure(base_model=pickled)
    )


class Runs:
    """Runs something when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_that_runs_something_does_not_even_when_allowed(configure, pickled, tmp_path):
    torch.save({"weight": Runs(tmp_path / "ran")}, pickled / "pytorch_model.bin")
    config = configure(base_model=pickled, allow_pickle_weights=True)
    assert "its pickled weights hold more than tensors" in refusal(config)
    assert not (tmp_path / "ran").exists()


def test_own_code_is_refused_before_it_runs(configure, own_code, tmp_path):
    (own_code / "configuration_own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    line = refusal(configure(base_model=own_code, allow_pickle_weights=True))
    assert "needs remote code, which is not run (configuration_own.OwnConfig)" in line
    assert line.endswith("read that code and set train.allow_remote_code")
    assert not (tmp_path / "ran").exists()


def test_own_code_of_the_pinned_directory_trains_when_allowed(configure, own_code, tmp_path, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    config = configure(base_model=own_code, allow_pickle_weights=True, allow_remote_code=True, epochs=1)
    core.run(config)
    assert load_file(config.model / "model.safetensors").keys() >= {"embeddings.weight", "classifier.weight"}
    assert (config.model / "modeling_own.py").read_text() == MODELING
    with pytest.raises(UserError, match=r"model: model needs remote code.*set evaluate\.allow_remote_code"):
        Classifier(config.model)
    assert Classifier(config.model, allow_remote_code=True).probabilities(["a film"], 1, "asking").shape == (1, 2)


def test_code_that_changed_since_it_was_resolved_is_refused(configure, own_code):
    config = configure(base_model=own_code, allow_pickle_weights=True, allow_remote_code=True)
    (own_code / "modeling_own.py").write_text(MODELING + "# another\n")
    assert "is not what it was when it was resolved" in refusal(config)


def test_code_of_another_repository_is_refused_even_when_allowed(configure, own_code):
    path = own_code / "config.json"
    path.write_text(path.read_text().replace("modeling_own.OwnModel", "owner/other--modeling_own.OwnModel"))
    line = refusal(configure(base_model=own_code, allow_pickle_weights=True, allow_remote_code=True))
    assert "takes code from elsewhere (owner/other--modeling_own.OwnModel), which nothing pins" in line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "pickled weights only"),
        ({"allow_pickle_weights": "False"}, "pickled weights only"),
        ({"allow_pickle_weights": True}, "needs remote code, which is not run"),
    ],
)
def test_resolve_refuses_the_same(own_code, options, told):
    with pytest.raises(UserError, match=told):
        pin_base_model(str(own_code), options)


def test_resolve_takes_what_is_allowed(own_code):
    allowed = {"allow_pickle_weights": "True", "allow_remote_code": "True"}
    assert pin_base_model(str(own_code), allowed).kind == "sha256"
