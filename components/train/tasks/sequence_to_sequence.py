"""What translation and summarization share: a source that an encoder reads, a target that a decoder says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from components.shared.errors import UserError
from components.train.base_model import load_pretrained
from components.train.tasks.token_task import TokenSequence, TokenTask


class SequenceToSequence(TokenTask):
    """Rows of `source` and `target`; the source is cut to `max_tokens`, the target to `max_target_tokens`."""

    auto_class: ClassVar[str] = "AutoModelForSeq2SeqLM"

    def prepare(self, tokenizer: Any) -> None:
        """Encoder and decoder are padded each to its own longest."""
        super().prepare(tokenizer)
        self.fill["attention_mask"] = 0

    def encode(self, rows: list[dict[str, Any]], tokenizer: Any, max_tokens: int) -> list[TokenSequence]:
        """Source and target of each row."""
        prefix = self.config.source_prefix
        sources = tokenizer([prefix + row["source"] for row in rows], truncation=True, max_length=max_tokens)
        targets = tokenizer(
            text_target=[row["target"] for row in rows], truncation=True, max_length=self.config.max_target_tokens
        )
        columns = zip(sources["input_ids"], sources["attention_mask"], targets["input_ids"], strict=True)
        return [
            {
                "input_ids": np.array(source, dtype=np.int32),
                "attention_mask": np.array(mask, dtype=np.int32),
                "labels": np.array(target, dtype=np.int32),
            }
            for source, mask, target in columns
        ]

    def load_model(self, directory: Path, name: str) -> Any:
        """The pretrained model, which knows how a target begins; raises UserError."""
        model = load_pretrained(self.auto_class, directory, name, self.config)
        if model.config.decoder_start_token_id is None:
            raise UserError(
                f"{name} does not say how a target begins (decoder_start_token_id)",
                where="base_model",
                remedy="add it to its config.json",
            )
        check_targets(self.config.max_target_tokens, model.config, name)
        self._shifted = model.prepare_decoder_input_ids_from_labels
        return model

    def batch(self, split: str, rows: NDArray[np.int64], epoch: int) -> dict[str, Any]:
        """The given rows, and for the decoder what stands before each token to say."""
        padded = super().batch(split, rows, epoch)
        return {**padded, "decoder_input_ids": self._shifted(labels=padded["labels"])}


def check_targets(most: int, settings: Any, name: str) -> None:
    """Raises UserError for targets of more tokens than the decoder has positions; T5 types have no such limit."""
    names = ("max_decoder_position_embeddings", "max_position_embeddings")
    limit = next((found for one in names if (found := getattr(settings, one, None))), most)
    if most > limit:
        raise UserError(
            f"{most} is more than {name} writes", where="train.max_target_tokens", remedy=f"give at most {limit}"
        )
