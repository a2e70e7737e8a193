"""A small dataset and a tiny model of each task."""

from __future__ import annotations

import json

import torch
import transformers

from components.shared.datasets import DatasetWriter
from components.shared.records import columns_of
from tests.task_data import KINDS, row_of
from tests.tiny_models import tiny_model_of

TEXTS = [
    "a warm and funny film that never tires",
    "the story is dull and far too long for what it tells",
    "what a film , what a cast",
    "no one will remember this film in a year",
    "the actors are good but the story is not",
    "a good film",
]
HEADS = {
    "multilabel_classification": "BertForSequenceClassification",
    "question_answering": "BertForQuestionAnswering",
}


def dataset_of(task, directory):
    directory.mkdir()
    writer = DatasetWriter(directory, columns_of(task), ("train", "validation", "test"))
    for number, text in enumerate(TEXTS):
        row = row_of(task, text, ("bad", "good")[number % 2])
        writer.write(row, "train")
        writer.write(row, "test")
    writer.write(row_of(task, TEXTS[0], "good"), "validation")
    writer.finish()
    return directory


def model_of(task, directory, seed=0):
    tiny_model_of(KINDS[task], directory, TEXTS)
    if task in HEADS:
        settings = {"num_labels": 3, "problem_type": "multi_label_classification"} if "label" in task else {}
        torch.manual_seed(seed)
        model = getattr(transformers, HEADS[task]).from_pretrained(directory, **settings)
        if settings:
            model.config.id2label = {0: "bad", 1: "good", 2: "short"}
        model.save_pretrained(directory)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    tokenizer.model_max_length = 32  # as `train` writes it
    tokenizer.save_pretrained(directory)
    (directory / "lineage.json").write_text(json.dumps({"options": {"max_target_tokens": 6, "window_overlap": 4}}))
    return directory
