"""Summaries: ROUGE-1, ROUGE-2 and ROUGE-L, as rouge-score computes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np

from components.evaluate.tasks import Floats, Rows
from components.evaluate.tasks.generation import Generation, per_row

KINDS: Final = ("rouge1", "rouge2", "rougeL")
_WORDS: Final = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


class Words:
    """Cuts texts into words, Chinese ones into characters; rouge-score by itself knows a to z only."""

    def tokenize(self, text: str) -> list[str]:
        """The words of a text."""
        return _WORDS.findall(text.lower())


class Summarization(Generation):
    """The mean over the rows of the F1 of words, of pairs of words, and of the longest common subsequence."""

    main: ClassVar[str] = "rougeL"
    baseline_name: ClassVar[str] = "the beginning of the source, as long as a usual summary"

    def trivial(self, rows: Rows) -> list[str]:
        """As many words of the source as the median training summary has."""
        words = Words()
        counts = [len(words.tokenize(row["target"])) for row in self.dataset.rows("train")]
        usual = int(np.median(counts)) if counts else 1
        return [_beginning(row["source"], usual) for row in rows]

    def statistics(self, said: Sequence[str], rows: Rows) -> Floats:
        """The three scores of each row, and 1."""
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer(list(KINDS), tokenizer=Words())
        found = (scorer.score(row["target"], text) for text, row in zip(said, rows, strict=True))
        return per_row([[*(scores[kind].fmeasure for kind in KINDS), 1.0] for scores in found])

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """The mean of each score."""
        return {kind: sums[:, index] / sums[:, -1] for index, kind in enumerate(KINDS)}


MEASURER: Final = Summarization


def _beginning(text: str, words: int) -> str:
    found = list(_WORDS.finditer(text.lower()))[:words]
    return text[: found[-1].end()] if found else ""
