"""What language models have in common: how probable they find the tokens of the test rows."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.evaluate.config import Config
from components.evaluate.models import by_length, latency, load, longest_of, needs_code
from components.evaluate.tasks import SAMPLES, Floats, Measured, Rows
from components.shared.datasets import Dataset
from components.shared.progress import Progress

IGNORED: Final = -100
MOST_NATS: Final = 50.0
"""A perplexity never exceeds the exponential of this."""
SAMPLE_TOKENS: Final = 24
NLL, TOKENS, BYTES, RIGHT = range(4)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """A sequence shown to the model.

    Attributes:
        row: Number of the row that it belongs to.
        tokens: What is shown.
        labels: The token to say at each place, or IGNORED.
        size: Bytes of the text that is to be said.
    """

    row: int
    tokens: Ints
    labels: Ints
    size: int


class Language(ABC):
    """Measures loss by token and by byte of the texts."""

    auto_class: ClassVar[str] = "AutoModelForCausalLM"
    main: ClassVar[str] = "bits_per_byte"
    lower_is_better: ClassVar[tuple[str, ...]] = ("perplexity", "bits_per_byte")
    baseline_name: ClassVar[str] = "each token by its frequency in the training rows"
    asked_alone: ClassVar[str] = f"{SAMPLE_TOKENS} tokens after a prompt"
    labels: ClassVar[tuple[str, ...]] = ()
    answers_all: ClassVar[bool] = False

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self.dataset, self.config = dataset, config

    @abstractmethod
    def asked(self, rows: Rows, tokenizer: Any, longest: int) -> list[Asked]:
        """The sequences of some rows."""

    def prompt(self, row: Mapping[str, Any], tokenizer: Any) -> str:
        """What of a row the model goes on with, as a sample of what it says; empty for one that cannot."""
        return ""

    def measure(self, model: Path, rows: Rows, what: str) -> Measured:
        """Loss, tokens, bytes and right tokens of each row, and what the model says of the first few."""
        loaded, tokenizer = load(model, self.auto_class, allow_remote_code=self.config.allow_remote_code)
        asked = self.asked(rows, tokenizer, longest_of(tokenizer))
        statistics, said, began = np.zeros((len(rows), 4)), [""] * len(rows), time.monotonic()
        with Progress(what, len(asked), "texts") as progress:
            for batch in by_length([len(one.tokens) for one in asked], self.config.batch_size):
                chosen = [asked[number] for number in batch]
                for one, best in zip(chosen, add(statistics, loaded, chosen), strict=True):
                    said[one.row] = self.told(one, best, tokenizer)
                progress.advance(len(batch))
        seconds = time.monotonic() - began

        def ask(number: int) -> None:
            said[number] = self.alone(loaded, tokenizer, rows[number]) or said[number]

        alone = latency(len(rows), ask, SAMPLES)
        goodness = -statistics[:, NLL]
        return Measured(statistics=statistics, goodness=goodness, said=said, seconds=seconds, latency=alone)

    def told(self, asked: Asked, best: Ints, tokenizer: Any) -> str:
        """What is told of the tokens that the model finds most probable where it is asked; empty tells nothing."""
        return ""

    def alone(self, model: Any, tokenizer: Any, row: Mapping[str, Any]) -> str:
        """What the model says of one row by itself."""
        return continued(model, tokenizer, self.prompt(row, tokenizer))

    def baseline(self, model: Path, rows: Rows) -> Measured:
        """The same for a model that knows how frequent each token is, and no more."""
        from transformers import AutoTokenizer

        code = needs_code(model, allowed=self.config.allow_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=code)
        counts = np.ones(len(tokenizer))
        for one in self.asked(list(self.dataset.rows("train")), tokenizer, longest_of(tokenizer)):
            np.add.at(counts, one.labels[one.labels != IGNORED], 1)
        nats, best = -np.log(counts / counts.sum()), int(counts.argmax())
        statistics = np.zeros((len(rows), 4))
        for one in self.asked(rows, tokenizer, longest_of(tokenizer)):
            said = one.labels[one.labels != IGNORED]
            statistics[one.row] += nats[said].sum(), len(said), one.size, (said == best).sum()
        return Measured(statistics=statistics, goodness=-statistics[:, NLL], said=[""] * len(rows))

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Perplexity, bits for each byte of text, and the share of the tokens that are the most probable ones."""
        tokens = np.maximum(sums[:, TOKENS], 1)
        return {
            "perplexity": np.exp(np.minimum(sums[:, NLL] / tokens, MOST_NATS)),
            "bits_per_byte": sums[:, NLL] / math.log(2) / np.maximum(sums[:, BYTES], 1),
            "token_accuracy": sums[:, RIGHT] / tokens,
        }

    def shown(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The text, which is its own answer."""
        return str(row["text"]), ""


def continued(model: Any, tokenizer: Any, prompt: str) -> str:
    """What a model says after a prompt, the most probable token each time; empty after an empty one."""
    import torch

    if not prompt:
        return ""
    tokens = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").to(model.device)["input_ids"]
    tokens = tokens[:, -max(1, longest_of(tokenizer) - SAMPLE_TOKENS) :]
    with torch.inference_mode():
        all_tokens = model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=SAMPLE_TOKENS,
            do_sample=False,
            num_beams=1,
            pad_token_id=tokenizer.pad_token_id,
        )
    return str(tokenizer.decode(all_tokens[0, tokens.shape[1] :], skip_special_tokens=True)).strip()


def add(statistics: Floats, model: Any, asked: list[Asked]) -> list[Ints]:
    """Adds what a model finds of some sequences, as one batch, to the statistics of their rows.

    Returns:
        For each sequence the tokens that the model finds most probable where it is asked.
    """
    import torch

    width = max(len(one.tokens) for one in asked)
    lines = np.zeros((3, len(asked), width), dtype=np.int64)
    lines[2] = IGNORED
    for number, one in enumerate(asked):
        place = slice(0, len(one.tokens))
        lines[0, number, place], lines[1, number, place], lines[2, number, place] = one.tokens, 1, one.labels
    tokens, mask, labels = torch.from_numpy(lines).to(model.device)
    with torch.inference_mode():
        logits = model(input_ids=tokens, attention_mask=mask).logits
        line, place = (labels != IGNORED).nonzero(as_tuple=True)
        wanted = labels[line, place]
        chosen = logits[line, place].double()
        nats = torch.nn.functional.cross_entropy(chosen, wanted, reduction="none")
        best = chosen.argmax(-1)
    lines_asked = line.cpu().numpy()
    rows = np.array([one.row for one in asked])[lines_asked]
    np.add.at(statistics, (rows, NLL), nats.cpu().numpy())
    np.add.at(statistics, (rows, TOKENS), 1)
    np.add.at(statistics, (rows, RIGHT), (best == wanted).cpu().numpy())
    for one in asked:
        statistics[one.row, BYTES] += one.size
    return np.split(best.cpu().numpy(), np.searchsorted(lines_asked, range(1, len(asked))))
