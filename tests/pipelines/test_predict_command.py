"""`evertune predict` asks champions that label texts, and no others."""

from contextlib import contextmanager

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from components.shared import champions
from components.shared.champions import Champion
from components.shared.models import upload_model
from components.shared.objects import open_store
from pipelines import workspace
from pipelines.__main__ import main
from pipelines.commands import predict
from tests.tiny_models import tokenizer_of


def classifier(directory, several):
    """Says a and c of every text, or, where only one can be, a."""
    tokenizer = tokenizer_of(["a text"])
    tokenizer.save_pretrained(directory)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=8,
            id2label=dict(enumerate("abc")),
            problem_type="multi_label_classification" if several else "single_label_classification",
        )
    )
    torch.nn.init.zeros_(model.classifier.weight)
    model.classifier.bias.data = torch.tensor([4.0, -4.0, 2.0])
    model.save_pretrained(directory)


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """What the command says when the champion has this task: exit code, output, error."""

    def run(task, *texts):
        (tmp_path / "model").mkdir()
        if task.endswith("classification"):
            classifier(tmp_path / "model", several=task.startswith("multilabel"))
        else:
            (tmp_path / "model" / "model.safetensors").write_bytes(b"of another kind")
        store = open_store(str(tmp_path / "store"))
        record = Champion(
            model_name="m", digest=upload_model(store, tmp_path / "model"), kind="promotion", reason="", metrics={},
            dataset="d", dataset_revision="d/v1", dataset_digest="ab", lineage={"task": task},
            time="2026-01-01T00:00:00Z",
        )  # fmt: skip
        champions.append(store, "m", record, None)

        @contextmanager
        def local_store(profile):
            yield store, {"model_name": "m"}

        monkeypatch.setattr(predict, "local_store", local_store)
        monkeypatch.setattr(workspace, "HOME", tmp_path / "home")
        code = 0
        try:
            main(["predict", *texts])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("task", "line"),
    [("classification", "a  0.881  a text\n"), ("multilabel_classification", "a  0.982  c  0.881  a text\n")],
)
def test_a_text_is_told_its_label_or_its_labels(told, task, line):
    code, out, _ = told(task, "a text")
    assert (code, out) == (0, line)


@pytest.mark.parametrize("task", ["masked_lm", "question_answering"])
def test_a_model_that_labels_nothing_is_not_asked_for_labels(told, task):
    code, out, err = told(task, "a text")
    assert (code, out) == (2, "")
    assert f"m: the champion's task is {task}, and this command labels texts. Get it with `evertune models pull" in err


def test_an_empty_text_is_told(told):
    code, _, err = told("masked_lm", " ")
    assert code == 2
    assert "a text is empty" in err
