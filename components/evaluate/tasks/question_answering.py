"""Extractive answers: exact match and F1 by the rules of SQuAD."""

from __future__ import annotations

import re
import string
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.evaluate.config import Config
from components.evaluate.models import by_length, latency, load, longest_of, trained_option
from components.evaluate.tasks import Floats, Measured, Rows
from components.shared.datasets import Dataset
from components.shared.progress import Progress

LONGEST_ANSWER: Final = 30
"""Most tokens of an answer."""
_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_CHARACTER: Final = re.compile(r"([\u3400-\u9fff])")
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation + "，。！？、；：“”‘’（）《》")
Span = tuple[float, int, int]


class QuestionAnswering:
    """Rows of `question`, `context` and `answers`; the best of several answers counts, none at all asks for none."""

    main: ClassVar[str] = "f1"
    lower_is_better: ClassVar[tuple[str, ...]] = ()
    baseline_name: ClassVar[str] = "the most frequent answer of the training rows"
    asked_alone: ClassVar[str] = "one window of a context"
    labels: ClassVar[tuple[str, ...]] = ()
    answers_all: ClassVar[bool] = True

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self.dataset, self.config = dataset, config

    def measure(self, model: Path, rows: Rows, what: str) -> Measured:
        """What the model answers."""
        said, seconds, alone = self._said(model, rows, what)
        return replace(_measured(said, rows), seconds=seconds, latency=alone)

    def baseline(self, model: Path, rows: Rows) -> Measured:
        """One answer for all questions."""
        answers = (row["answers"] for row in self.dataset.rows("train"))
        texts = Counter(own[0]["text"] if own else "" for own in answers)
        (common, _), *_ = texts.most_common(1)
        return _measured([common] * len(rows), rows)

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """The means over rows."""
        return {"f1": sums[:, 1] / sums[:, 2], "exact_match": sums[:, 0] / sums[:, 2]}

    def shown(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The question above its context, and the answers."""
        return f"{row['question']}\n{row['context']}", " / ".join(answer["text"] for answer in row["answers"])

    def _said(self, model: Path, rows: Rows, what: str) -> tuple[list[str], float, float]:
        """The answers, how many seconds they took, and how many a window takes by itself."""
        loaded, tokenizer = load(
            model, "AutoModelForQuestionAnswering", allow_remote_code=self.config.allow_remote_code
        )
        longest = longest_of(tokenizer)
        encoded = tokenizer(
            [row["question"] for row in rows],
            [row["context"] for row in rows],
            truncation="only_second",
            max_length=longest,
            stride=min(trained_option(model, "window_overlap", 32), longest // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        sources = encoded["overflow_to_sample_mapping"]
        best: dict[int, tuple[float, str]] = {}
        began = time.monotonic()
        with Progress(what, len(sources), "windows") as progress:
            for batch in by_length([len(ids) for ids in encoded["input_ids"]], self.config.batch_size):
                for number, starts, ends in _ends(loaded, tokenizer, encoded, batch):
                    inside = np.array([part == 1 for part in encoded.sequence_ids(int(number))])
                    score, first, last = best_span(starts, ends, inside)
                    row = sources[number]
                    if row not in best or score > best[row][0]:
                        offsets = encoded["offset_mapping"][number]
                        text = rows[row]["context"][offsets[first][0] : offsets[last][1]] if first else ""
                        best[row] = (score, text)
                progress.advance(len(batch))
        seconds, answers = time.monotonic() - began, [best[row][1] for row in range(len(rows))]
        alone = latency(len(sources), lambda number: _ends(loaded, tokenizer, encoded, np.array([number])))
        return answers, seconds, alone


MEASURER: Final = QuestionAnswering


def best_span(starts: Floats, ends: Floats, inside: NDArray[np.bool_]) -> Span:
    """Score, first and last token of the best answer in a window; (score, 0, 0) where "none" scores higher.

    The score is how much better the answer is than none, so that windows can be compared.
    """
    none = starts[0] + ends[0]
    context = np.flatnonzero(inside)
    if not len(context):
        return 0.0, 0, 0
    scores = starts[context][:, None] + ends[context][None, :]
    length = np.arange(len(context))[None, :] - np.arange(len(context))[:, None]
    scores[(length < 0) | (length >= LONGEST_ANSWER)] = -np.inf
    first, last = np.unravel_index(int(scores.argmax()), scores.shape)
    score = float(scores[first, last] - none)
    return (score, int(context[first]), int(context[last])) if score > 0 else (score, 0, 0)


def normalized(text: str) -> str:
    """Lower case, without punctuation, English articles and superfluous white space."""
    plain = _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION))
    return " ".join(plain.split())


def scores(said: str, answers: list[str]) -> tuple[float, float]:
    """Exact match and F1 of an answer with the best of the right ones; with none, where there is none."""
    right = answers or [""]
    exact = max(float(normalized(said) == normalized(answer)) for answer in right)
    return exact, max(_f1(_words(said), _words(answer)) for answer in right)


def _words(text: str) -> list[str]:
    """Words; a Chinese character is one."""
    return _CHARACTER.sub(r" \1 ", normalized(text)).split()


def _f1(said: list[str], right: list[str]) -> float:
    if not said or not right:
        return float(said == right)
    common = (Counter(said) & Counter(right)).total()
    return 2 * common / (len(said) + len(right))


def _measured(said: list[str], rows: Rows) -> Measured:
    found = [scores(text, [a["text"] for a in row["answers"]]) for text, row in zip(said, rows, strict=True)]
    statistics = np.array([[exact, f1, 1.0] for exact, f1 in found])
    return Measured(statistics=statistics, goodness=statistics[:, 1], said=said)


def _ends(model: Any, tokenizer: Any, encoded: Any, batch: NDArray[np.int64]) -> list[tuple[int, Floats, Floats]]:
    import torch

    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
    lines = [{name: encoded[name][number] for name in names} for number in batch]
    tokenizer.padding_side = "right"
    with torch.inference_mode():
        output = model(**tokenizer.pad(lines, return_tensors="pt").to(model.device))
    starts, ends = (logits.double().cpu().numpy() for logits in (output.start_logits, output.end_logits))
    sizes = [len(line["input_ids"]) for line in lines]
    return [(int(n), starts[i, : sizes[i]], ends[i, : sizes[i]]) for i, n in enumerate(batch)]
