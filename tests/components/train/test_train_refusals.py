"""Inputs that cannot be trained: one line with the field, the value and the remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BartConfig, T5Config

from components.shared.base_models import check_task
from components.shared.errors import UserError
from components.train import core
from components.train.tasks.sequence_to_sequence import check_targets
from tests.tiny_models import tiny_model_of

ROWS = [("a fine film", "positive"), ("a dull film", "negative")]


@pytest.fixture
def model(inputs, tmp_path):
    """A copy of the base model to spoil."""
    return shutil.copytree(inputs.base_model, tmp_path / "spoilt")


def change_settings(model, **changes):
    path = model / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refusal(config):
    with pytest.raises(UserError) as caught:
        core.run(config)
    assert not config.model.exists()
    return caught.value.line


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"train": ROWS[:1], "validation": ROWS[:1]}, "all training rows have the label 'positive'"),
        ({"train": ROWS, "validation": [("so so", "mixed")]}, "the label 'mixed' is in validation but not in train"),
        ({"train": ROWS}, "the split validation has no rows"),
        ({"validation": ROWS}, "the split train has no rows"),
    ],
)
def test_rows_that_cannot_be_learned(configure, dataset_of, rows, told):
    assert f"train.data: {told}" in refusal(configure(data=dataset_of(**rows)))


def test_damaged_dataset(configure, inputs, tmp_path):
    data = shutil.copytree(inputs.data, tmp_path / "damaged")
    shard = data / "train-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    assert "train-00000.parquet: content differs from the manifest. Run `fetch` again" in refusal(configure(data=data))


def test_only_pickled_weights(configure, model):
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "has only pickled weights, which are not loaded" in refusal(configure(base_model=model))


def test_no_weights(configure, model):
    (model / "model.safetensors").unlink()
    assert "has no weights. Give a model saved as safetensors" in refusal(configure(base_model=model))


def test_remote_code(configure, model):
    change_settings(model, auto_map={"AutoModel": "modeling.Model"})
    assert "needs remote code, which is not run" in refusal(configure(base_model=model))


def test_no_tokenizer(configure, model):
    for name in ("tokenizer.json", "vocab.txt"):
        (model / name).unlink()
    assert "has no tokenizer. Save the tokenizer beside the weights" in refusal(configure(base_model=model))


def test_no_model_directory(configure, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "is not a model directory (config.json: FileNotFoundError)" in refusal(
        configure(base_model=tmp_path / "empty")
    )


def test_unknown_architecture(configure, model):
    change_settings(model, model_type="abacus")
    assert "is a abacus model, which classification cannot train (its family is not known here)" in refusal(
        configure(base_model=model)
    )


def test_weights_of_another_model(configure, model):
    change_settings(model, model_type="distilbert", dim=16, n_heads=2, hidden_dim=32, n_layers=2)
    assert "tensors of a distilbert model" in refusal(configure(base_model=model))


def test_truncated_weights(configure, model):
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot be loaded" in refusal(configure(base_model=model))


def test_model_that_changed_since_it_was_resolved(configure, model):
    config = configure(base_model=model)
    change_settings(model, hidden_act="relu")
    assert "is not what it was when it was resolved. Run `resolve` again" in refusal(config)


def test_model_that_is_gone(configure, model):
    config = configure(base_model=model)
    shutil.rmtree(model)
    assert "base_model: no such file or directory" in refusal(config)


def test_texts_longer_than_the_model_reads(configure):
    line = refusal(configure(max_tokens=100))
    assert line.startswith("train.max_tokens: 100 is more than")
    assert line.endswith("Give at most 64")


def test_tokenizer_that_cannot_pad(configure, model):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        path = model / name
        path.write_text(path.read_text().replace('"pad_token": "[PAD]"', '"pad_token": null'))
    assert "has no padding token" in refusal(configure(base_model=model))


def test_other_number_of_processes(configure):
    line = refusal(configure(world_size=2))
    assert line.startswith("train.world_size: the number of processes is 1, not 2. Start it with `torchrun")


def test_loss_that_is_not_a_number(configure):
    line = refusal(configure(learning_rate=1e30, max_grad_norm=0.0, warmup_fraction=0.0))
    assert "is nan at step" in line
    assert "checkpoints of the steps before it are kept" in line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"evaluations_per_epoch": 1000}, "train: the validation loss is nan at step 1. Lower learning_rate"),
        ({"checkpoint_steps": 1}, "train: a weight is no number any more at step 1. Lower learning_rate"),
    ],
    ids=["validated", "saved"],
)
def test_a_model_that_a_step_broke_is_neither_kept_nor_saved(configure, options, told):
    config = configure(optimizer="sgd", learning_rate=1e38, weight_decay=1e9, warmup_fraction=0.0, **options)
    assert told in refusal(config)
    assert not list(Path(config.checkpoints).rglob("complete.json"))


def test_targets_longer_than_the_model_writes():
    settings = BartConfig(max_position_embeddings=32)
    check_targets(32, settings, "it")
    check_targets(1000, T5Config(), "it")
    with pytest.raises(UserError) as caught:
        check_targets(33, settings, "it")
    assert caught.value.line == "train.max_target_tokens: 33 is more than it writes. Give at most 32"


def test_refusals_come_before_torch_is_loaded(configure, dataset_of):
    config = configure(data=dataset_of(train=ROWS[:1], validation=ROWS[:1]))
    script = (
        "import sys, pathlib; from components.train import core; from components.train.config import Config\n"
        "try: core.run(eval(sys.argv[1], {'Config': Config, 'PosixPath': pathlib.Path}))\n"
        "finally: assert 'torch' not in sys.modules and 'transformers' not in sys.modules, 'too late'"
    )
    done = subprocess.run([sys.executable, "-c", script, repr(config)], capture_output=True, text=True, check=False)
    assert "UserError: train.data: all training rows" in done.stderr
    assert "too late" not in done.stderr


@pytest.mark.parametrize(
    ("task", "kind", "told"),
    [
        ("causal_lm", "bert", "is a bert model, which causal_lm cannot train (it fits classification"),
        ("masked_lm", "gpt2", "Choose a model that has a masked-language-model head"),
        ("translation", "llama", "Choose a model that has an encoder and a decoder"),
        ("question_answering", "abacus", "its family is not known here"),
    ],
)
def test_model_that_does_not_fit_the_task(inputs, model, task, kind, told):
    change_settings(model, model_type=kind)
    with pytest.raises(UserError) as caught:
        check_task(model, task, "it")
    assert told in caught.value.line


def test_dataset_of_another_task(configure):
    assert "the dataset has no column 'messages', which chat learns from" in refusal(configure(task="chat"))


def test_rows_in_which_nothing_is_left_to_learn(configure, tmp_path, write_rows_of):
    """The assistant's turn lies behind what is read of each chat."""
    row = {"messages": [{"role": "user", "content": "why? " * 30}, {"role": "assistant", "content": "because"}]}
    data = write_rows_of(tmp_path / "chats", "chat", {"train": [row] * 3, "validation": [row]})
    base_model = tiny_model_of("llama", tmp_path / "llama", ["why because"])
    line = refusal(configure(task="chat", data=data, base_model=base_model, max_tokens=16))
    assert line.startswith("train.data: no row of the split train has a token to learn within train.max_tokens. Raise")


def test_a_classifier_that_reads_to_the_right_learns_what_its_tokenizer_pads_with(configure, tmp_path, reviews_of):
    base_model = tiny_model_of("gpt2", tmp_path / "gpt2", [text for text, _ in reviews_of(20)])
    change_settings(base_model, pad_token_id=None)
    config = configure(base_model=base_model, epochs=1)
    core.run(config)
    assert json.loads((config.model / "config.json").read_bytes())["pad_token_id"] == 0


def test_a_decoder_without_a_padding_token_pads_with_the_end_of_texts(configure, tmp_path, write_rows_of, reviews_of):
    base_model = tiny_model_of("gpt2", tmp_path / "gpt2", [text for text, _ in reviews_of(20)])
    for name in ("tokenizer_config.json", "tokenizer.json"):
        path = base_model / name
        path.write_text(path.read_text().replace('"pad_token": "<pad>"', '"pad_token": null'))
    rows = [{"text": text} for text, _ in reviews_of(20)]
    data = write_rows_of(tmp_path / "texts", "causal_lm", {"train": rows[:16], "validation": rows[16:]})
    config = configure(task="causal_lm", data=data, base_model=base_model, packing=False)
    core.run(config)
    assert AutoTokenizer.from_pretrained(config.model).pad_token == "</s>"


def test_chat_model_without_a_template(model):
    change_settings(model, model_type="llama")
    with pytest.raises(UserError, match="has no chat template"):
        check_task(model, "chat", "it")
