"""Every task over the one loop: it learns, resumes exactly, writes a model that loads plainly."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch
import transformers
from huggingface_hub import ModelCard
from peft import PeftModel

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.shared.references import pin_local
from components.train import core
from components.train.tasks import open_task, question_answering
from tests.components.train.stopping import stop_at
from tests.task_data import KINDS, row_of
from tests.tiny_models import tiny_model_of

HEADS_ARE_NEW = ("classification", "multilabel_classification", "question_answering")


@pytest.fixture(scope="session")
def task_inputs(tmp_path_factory, reviews_of, write_rows_of):
    """Dataset and base model of a task, made once."""
    made = {}

    def make(task):
        if task not in made:
            home = tmp_path_factory.mktemp(task)
            rows = [row_of(task, *one) for one in reviews_of(60)]
            data = write_rows_of(
                home / "data", task, {"train": rows[:42], "validation": rows[42:54], "test": rows[54:]}
            )
            texts = [text for text, _ in reviews_of(60)]
            made[task] = (data, tiny_model_of(KINDS[task], home / "model", texts))
        return made[task]

    return make


@pytest.fixture
def configured(configure, task_inputs):
    """The configuration of a small training of a task."""

    def make(task, home="run", **changes):
        data, model = task_inputs(task)
        return configure(home, task=task, data=data, base_model=model, **{"max_tokens": 48, **changes})

    return make


def weights(config):
    return sha256_of(config.model / "model.safetensors")


def points(config):
    return json.loads((config.model / "training.json").read_text())


@pytest.mark.parametrize("task", sorted(KINDS))
def test_task_learns_and_resumes_exactly(configured, monkeypatch, task):
    whole = configured(task, "whole")
    core.run(whole)
    losses = [point["loss"] for point in points(whole)["history"]]
    assert min(losses[1:]) < losses[0]

    stopped = configured(task, "stopped", checkpoint_steps=1)
    history = points(whole)["history"]
    end_of_epoch = next(int(point["step"]) for point in history if point["epoch"] == 1)
    for step in (1, end_of_epoch, int(history[-1]["step"]) - 1):
        stop_at(monkeypatch, stopped, step)
    core.run(stopped)
    assert weights(stopped) == weights(whole)
    assert points(stopped) == points(whole)

    before = points(whole).get("before", {})
    if task in HEADS_ARE_NEW:
        assert not before
    else:
        assert before["loss"] > min(point["loss"] for point in points(whole)["validations"])

    model, report = getattr(transformers, open_task(Dataset(whole.data), whole).auto_class).from_pretrained(
        whole.model, output_loading_info=True
    )
    assert not report["missing_keys"]
    assert model.config.model_type == KINDS[task]
    assert_card_is_true(task, whole)


def assert_card_is_true(task, config):
    """Its metadata can be read, its figures are those of the metrics file, and what it says how to use runs."""
    card, metrics = ModelCard.load(config.model / "README.md"), json.loads(config.metrics.read_text())
    found = {f"validation_{one.metric_type}": one.metric_value for one in card.data.eval_results}
    assert found == {name: value for name, value in metrics.items() if name.startswith("validation_")}
    assert task in card.text
    (lines,) = re.findall(r"```python\n(.*?)```", card.text, flags=re.DOTALL)
    known: dict[str, object] = {}
    exec(lines.replace("path/to/this/directory", str(config.model)), known)  # noqa: S102
    assert known["model"].config.model_type == KINDS[task]
    if "pipeline(" in card.text:
        asked = {"fill-mask": "a <mask> film"}.get(card.data.pipeline_tag, "a film")
        assert transformers.pipeline(card.data.pipeline_tag, model=str(config.model))(asked)
    else:
        assert known.keys() >= {"inputs"}


def tokenized(configured, task, **changes):
    """A task with its sequences, its tokenizer and the directory of its model."""
    config = configured(task, **changes)
    opened = open_task(Dataset(config.data), config)
    directory, _ = core.open_base_model(config.base_model_reference, config.max_tokens, task)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = opened.load_model(directory, "tiny")
    opened.tokenize(tokenizer, config.max_tokens)
    return opened, tokenizer, model


# peft asks, when it loads an adapter, by a name that transformers gave up
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize("task", ["chat", "masked_lm", "question_answering", "translation"])
def test_an_adapter_under_any_head_is_merged_exactly(configured, task_inputs, task):
    config = configured(task, adapter="lora", adapter_rank=4, epochs=1, evaluations_per_epoch=1)
    core.run(config)
    auto = getattr(transformers, open_task(Dataset(config.data), config).auto_class)
    merged = auto.from_pretrained(config.model).eval()
    adapted = PeftModel.from_pretrained(auto.from_pretrained(task_inputs(task)[1]), config.model / "adapter").eval()
    tokens = {"input_ids": torch.tensor([[1, 9, 11, 30, 2]])}
    if task == "translation":
        tokens["decoder_input_ids"] = torch.tensor([[0, 40, 41]])
    with torch.inference_mode():
        said = merged(**tokens)[0]
        assert torch.allclose(said, adapted(**tokens)[0], atol=1e-5)
        with adapted.disable_adapter():
            assert not torch.allclose(said, adapted(**tokens)[0], atol=1e-4)


def test_masks_depend_on_seed_epoch_and_index_alone(configured):
    task, _, _ = tokenized(configured, "masked_lm")
    alone = task.batch("train", np.array([7]), 3)
    among = task.batch("train", np.array([3, 7, 5]), 3)
    width = len(task.sequences["train"][7]["input_ids"])
    for name in ("input_ids", "labels"):
        assert torch.equal(alone[name][0], among[name][1][:width])
    assert not torch.equal(alone["labels"], task.batch("train", np.array([7]), 4)["labels"])
    validated = [task.batch("validation", np.array([2]), epoch)["labels"] for epoch in (0, 9)]
    assert torch.equal(*validated)
    assert (alone["labels"][0] != -100).sum() == task.units("train", np.array([7]), 3)


def test_about_the_share_is_masked_and_never_a_special_token(configured):
    task, tokenizer, _ = tokenized(configured, "masked_lm", mask_probability=0.3)
    rows = np.arange(len(task.lengths["train"]))
    batch = task.batch("train", rows, 0)
    hidden = batch["labels"] != -100
    special = torch.isin(batch["labels"][hidden], torch.tensor(tokenizer.all_special_ids))
    assert not special.any()
    real = sum(len(one["input_ids"]) - 2 for one in task.sequences["train"])
    assert hidden.sum().item() / real == pytest.approx(0.3, abs=0.05)
    shown = batch["input_ids"][hidden]
    assert (shown == tokenizer.mask_token_id).float().mean().item() == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("task", ["causal_lm", "chat"])
def test_packed_documents_say_what_they_say_alone(configured, task):
    packed, _, model = tokenized(configured, task, max_tokens=128)
    alone, _, same = tokenized(configured, task, max_tokens=128, packing=False)
    model.eval()
    same.eval()
    rows = np.arange(len(packed.lengths["train"]))
    with torch.inference_mode():
        together = packed.loss(model, packed.batch("train", rows, 0)).item()
        documents = range(len(alone.lengths["train"]))
        each = [alone.loss(same, alone.batch("train", np.array([row]), 0)).item() for row in documents]
    assert len(rows) < len(each)
    assert together == pytest.approx(sum(each), rel=1e-5)
    assert packed.units("train", rows, 0) == alone.units("train", np.arange(len(each)), 0)


def test_packs_hold_no_more_than_max_tokens_and_little_padding(configured):
    task, _, _ = tokenized(configured, "causal_lm")
    assert task.lengths["train"].max() <= 48
    assert task.lengths["train"].mean() > 0.9 * 48


def test_long_texts_lose_no_token(configured):
    task, tokenizer, _ = tokenized(configured, "causal_lm", max_tokens=16, packing=False)
    texts = Dataset(task.config.data).table("train")["text"].to_pylist()
    wanted = sum(len(tokenizer(text)["input_ids"]) - 1 for text in texts)
    assert task.units("train", np.arange(len(task.lengths["train"])), 0) == wanted


def test_only_the_assistants_turns_are_learned(configured):
    task, tokenizer, _ = tokenized(configured, "chat", packing=False)
    row = Dataset(task.config.data).table("train").to_pylist()[0]
    (one,) = task.encode([row], tokenizer, 64)
    said = tokenizer.decode(one["labels"][one["labels"] != -100])
    answers = [message["content"] for message in row["messages"] if message["role"] == "assistant"]
    assert said.split() == " ".join(f"{answer}</s>\n" for answer in answers).split()


def test_places_of_answers_are_those_of_the_text(configured):
    task, tokenizer, _ = tokenized(configured, "question_answering", max_tokens=24)
    rows = Dataset(task._dataset.directory).table("train").to_pylist()
    wanted = {row["answers"][0]["text"] for row in rows}
    found = 0
    for window, (first, last) in zip(task._windows["train"], task._targets["train"], strict=True):
        if first:
            found += 1
            assert tokenizer.decode(window["input_ids"][first : last + 1]).strip() in " ".join(wanted)
    assert found >= len(rows)
    assert len(task._windows["train"]) > len(rows)


class SaysNothing:
    """A model that answers each question by the first token, in every window."""

    def __call__(self, input_ids, **other):
        logits = torch.nn.functional.one_hot(torch.zeros_like(input_ids[:, 0]), input_ids.shape[1]).float()
        return transformers.modeling_outputs.QuestionAnsweringModelOutput(start_logits=logits, end_logits=logits)


def test_a_question_counts_once_and_finding_nothing_is_not_good(configured):
    task, tokenizer, _ = tokenized(configured, "question_answering", max_tokens=24)
    windows = np.arange(len(task._windows["validation"]))
    assert len(windows) > 12, "contexts of several windows"
    *_, questions, measured = sums = task.measure(SaysNothing(), task.batch("validation", windows, 0))
    assert (questions, measured) == (pytest.approx(12), len(windows))
    assert task.metrics(sums)["f1_place"] == task.metrics(sums)["exact_place"] == 0
    rows = [{**row, "answers": []} for row in Dataset(task._dataset.directory).table("validation").to_pylist()]
    found = question_answering._windows(rows, tokenizer, 24, 6)
    assert len(found) > 12
    assert sum(share for *_, share in found) == pytest.approx(12)


def test_a_base_model_that_is_broken_is_named(configured, task_inputs, tmp_path):
    model = shutil.copytree(task_inputs("causal_lm")[1], tmp_path / "broken")
    broken = transformers.AutoModelForCausalLM.from_pretrained(model)
    broken.transformer.ln_f.weight.data.fill_(float("nan"))
    broken.save_pretrained(model)
    with pytest.raises(UserError) as caught:
        core.run(configured("causal_lm", packing=False, base_model_reference=str(pin_local(str(model), "base_model"))))
    assert caught.value.line.endswith("is nan before the first step. Give one whose weights are sound")
