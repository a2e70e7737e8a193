"""Extractive question answering: where in a context the answer to a question stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.progress import Progress
from components.train.base_model import load_pretrained
from components.train.config import Config
from components.train.tasks import SPLITS
from components.train.tasks.padding import pad

CHUNK_ROWS: Final = 500
Window = Mapping[str, NDArray[np.int32]]


class QuestionAnswering:
    """Rows of `question`, `context` and `answers`; of several answers the first one is learned.

    A context that is too long is read in windows that overlap; a window without the answer is answered by its first
    token, as is a question without an answer.
    """

    pipeline_tag: ClassVar[str] = "question-answering"
    auto_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    decoder: ClassVar[bool] = False
    able_before: ClassVar[bool] = False
    measures: ClassVar[int] = 5

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self._dataset, self._overlap, self._config = dataset, config.window_overlap, config
        if config.label_smoothing:
            raise UserError(
                "places in a text have no neighbours to share with",
                where="train.label_smoothing",
                remedy="leave it at 0",
            )
        self._windows: dict[str, list[Window]] = {}
        self._targets: dict[str, NDArray[np.int64]] = {}
        self._shares: dict[str, NDArray[np.float64]] = {}
        self.lengths: dict[str, NDArray[np.int64]] = {}

    def tokenize(self, tokenizer: Any, max_tokens: int) -> None:
        """Turns the rows into windows, each with the first and last token of the answer."""
        if not tokenizer.is_fast:
            raise UserError(
                "the tokenizer does not tell where its tokens stand in the text",
                where="base_model",
                remedy="save it as a fast tokenizer (tokenizer.json)",
            )
        tokenizer.padding_side = "right"
        self._fill = {"input_ids": tokenizer.pad_token_id, "attention_mask": 0, "token_type_ids": 0, "in_context": 0}
        total = sum(self._dataset.manifest.rows(split) for split in SPLITS)
        with Progress("tokenizing", total, "rows") as progress:
            for split in SPLITS:
                found: list[tuple[Window, tuple[int, int], float]] = []
                for batch in self._dataset.table(split).to_batches(CHUNK_ROWS):
                    found += _windows(batch.to_pylist(), tokenizer, max_tokens, min(self._overlap, max_tokens // 4))
                    progress.advance(batch.num_rows)
                self._windows[split] = [window for window, _, _ in found]
                self._targets[split] = np.array([target for _, target, _ in found])
                self._shares[split] = np.array([share for _, _, share in found])
                self.lengths[split] = np.array([len(window["input_ids"]) for window, *_ in found])

    def load_model(self, directory: Path, name: str) -> Any:
        """The pretrained body with a new head, if it has none."""
        return load_pretrained(self.auto_class, directory, name, self._config)

    def batch(self, split: str, rows: NDArray[np.int64], epoch: int) -> dict[str, Any]:
        """The given windows, padded to the longest, with the places of the answers."""
        import torch

        windows = [self._windows[split][row] for row in rows]
        tensors = {name: pad([window[name] for window in windows], self._fill[name]) for name in windows[0]}
        places, shares = (torch.from_numpy(values[split][rows]) for values in (self._targets, self._shares))
        return {**tensors, "places": places, "shares": shares}

    def units(self, split: str, rows: NDArray[np.int64], epoch: int) -> float:
        """The loss is a mean over windows."""
        return len(rows)

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The summed cross-entropy of the first and the last token, half each."""
        return _loss(_ends(model, batch), batch["places"])

    def measure(self, model: Any, batch: Mapping[str, Any]) -> list[float]:
        """Summed loss, questions whose place is exactly right, summed F1 of the tokens, questions, windows."""
        ends, places, shares = _ends(model, batch), batch["places"], batch["shares"]
        said = ends.argmax(dim=1)
        exact, common = ((said == places).all(dim=1) * shares).sum(), (_common(said, places) * shares).sum()
        return [_loss(ends, places).item(), exact.item(), common.item(), shares.sum().item(), len(places)]

    def metrics(self, sums: list[float]) -> dict[str, float]:
        """Mean loss; how often the place is exactly right, and how much of it, in tokens."""
        loss, exact, f1, questions, windows = sums
        questions = questions or 1.0  # no window may hold an answer
        return {"loss": loss / windows, "exact_place": exact / questions, "f1_place": f1 / questions}

    def quality(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The model that finds more of the answers is better; of equal ones, that with the smaller loss."""
        return (metrics["f1_place"], -metrics["loss"])


TASK: Final = QuestionAnswering


def _windows(
    rows: list[dict[str, Any]], tokenizer: Any, max_tokens: int, overlap: int
) -> list[tuple[Window, tuple[int, int], float]]:
    """Windows, the place of the answer in each, and for how much of its question each counts in validation.

    A question counts once: by the windows that hold its answer, or by all if it has none. Else a model that never finds
    anything would look good where contexts are long, since most windows hold no answer.
    """
    questions = [row["question"] for row in rows]
    longest = max(map(len, tokenizer(questions, add_special_tokens=False)["input_ids"]))
    if longest > max_tokens // 2:
        raise UserError(
            f"a question of {longest} tokens leaves too little room for its context",
            where="train.max_tokens",
            remedy=f"give at least {2 * longest}, or shorter questions",
        )
    encoded = tokenizer(
        questions,
        [row["context"] for row in rows],
        truncation="only_second",
        max_length=max_tokens,
        stride=overlap,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in encoded]
    found: list[tuple[Window, tuple[int, int]]] = []
    sources = np.array(encoded["overflow_to_sample_mapping"])
    for number, source in enumerate(sources):
        inside = np.array([part == 1 for part in encoded.sequence_ids(number)], dtype=np.int32)
        inside[0] = 1  # the first token stands for "no answer here"
        window = {name: np.array(encoded[name][number], dtype=np.int32) for name in names}
        offsets = np.array(encoded["offset_mapping"][number])
        found.append(({**window, "in_context": inside}, answer_tokens(rows[source]["answers"], offsets, inside)))
    places = zip(sources, (place for _, place in found), strict=True)
    counted = np.array([place != (0, 0) or not rows[source]["answers"] for source, place in places])
    shares = counted / np.maximum(np.bincount(sources, counted), 1)[sources]
    return [(window, place, float(share)) for (window, place), share in zip(found, shares, strict=True)]


def answer_tokens(
    answers: list[dict[str, Any]], offsets: NDArray[np.int64], inside: NDArray[np.int32]
) -> tuple[int, int]:
    """First and last token of the first answer in a window; (0, 0) when it is not wholly there.

    Args:
        answers: Those of the row, each with `text` and `start`.
        offsets: Where each token of the window begins and ends in the context.
        inside: Whether each token is one of the context; the first one is always marked.
    """
    if not answers:
        return 0, 0
    start, end = answers[0]["start"], answers[0]["start"] + len(answers[0]["text"])
    context = np.flatnonzero(inside)[1:]
    covering = context[(offsets[context, 1] > start) & (offsets[context, 0] < end)]
    if not len(covering) or offsets[covering[0], 0] > start or offsets[covering[-1], 1] < end:
        return 0, 0
    return int(covering[0]), int(covering[-1])


def _ends(model: Any, batch: Mapping[str, Any]) -> Any:
    """Logits of (first, last) for each token, shape (windows, tokens, 2); outside of the context never chosen."""
    import torch

    inputs = {name: tensor for name, tensor in batch.items() if name not in ("places", "shares", "in_context")}
    output = model(**inputs)
    ends = torch.stack([output.start_logits, output.end_logits], dim=-1).float()
    return ends.masked_fill((batch["in_context"] == 0)[..., None], torch.finfo(ends.dtype).min)


def _loss(ends: Any, places: Any) -> Any:
    import torch

    return torch.nn.functional.cross_entropy(ends, places, reduction="sum") / 2


def _common(said: Any, places: Any) -> Any:
    """F1 of the tokens said and those of the answer, for each window."""
    import torch

    first, last = torch.maximum(said[:, 0], places[:, 0]), torch.minimum(said[:, 1], places[:, 1])
    common = (last - first + 1).clamp(min=0)
    lengths = (said[:, 1] - said[:, 0] + 1).clamp(min=0) + places[:, 1] - places[:, 0] + 1
    return 2 * common / lengths
