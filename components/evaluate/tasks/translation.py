"""Translations: BLEU and chrF, as sacrebleu computes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np

from components.evaluate.tasks import Floats, Rows
from components.evaluate.tasks.generation import Generation

_CHINESE: Final = re.compile(r"[\u3400-\u9fff]")


class Translation(Generation):
    """BLEU needs whole words of four in a row; chrF, which counts characters, also tells weak models apart."""

    main: ClassVar[str] = "chrf"
    baseline_name: ClassVar[str] = "the source itself"

    def trivial(self, rows: Rows) -> list[str]:
        """The source."""
        return [row["source"] for row in rows]

    def statistics(self, said: Sequence[str], rows: Rows) -> Floats:
        """The counts of n-grams from which sacrebleu makes both scores."""
        targets = [[row["target"] for row in rows]]
        parts = [np.array(metric._extract_corpus_statistics(said, targets)) for metric in (self._bleu, self._chrf)]
        return np.hstack(parts).astype(np.float64)

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Both scores, from 0 to 100."""
        counts = np.rint(sums).astype(np.int64)
        scores: dict[str, Any] = {"chrf": (self._chrf, counts[:, self._border :])}
        scores["bleu"] = (self._bleu, counts[:, : self._border])
        return {
            name: np.array([metric._compute_score_from_stats(line.tolist()).score for line in lines])
            for name, (metric, lines) in scores.items()
        }

    @property
    def _border(self) -> int:
        """Statistics of BLEU: two lengths, and two counts for each n."""
        return 2 + 2 * int(self._bleu.max_ngram_order)

    @cached_property
    def _bleu(self) -> Any:
        from sacrebleu.metrics import BLEU

        targets = " ".join(self.dataset.table("test")["target"].to_pylist())
        chinese = len(_CHINESE.findall(targets)) > 0.3 * len(targets.replace(" ", ""))
        return BLEU(tokenize="zh" if chinese else "13a")

    @cached_property
    def _chrf(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF()


MEASURER: Final = Translation
