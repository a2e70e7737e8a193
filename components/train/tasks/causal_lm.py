"""Causal language modelling: the next token of texts, read from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from components.shared.errors import UserError
from components.train.base_model import load_pretrained
from components.train.tasks.packing import best_fit
from components.train.tasks.token_task import IGNORED, Tokens, TokenSequence, TokenTask


class CausalLM(TokenTask):
    """Rows of `text`. A text longer than `max_tokens` is cut into pieces, so that nothing of it is lost."""

    pipeline_tag: ClassVar[str] = "text-generation"
    auto_class: ClassVar[str] = "AutoModelForCausalLM"
    decoder: ClassVar[bool] = True

    def prepare(self, tokenizer: Any) -> None:
        """Padding has the position 0, so that it is a document of its own in a pack."""
        super().prepare(tokenizer)
        if self.config.packing:
            self.fill["position_ids"] = 0

    def encode(self, rows: list[dict[str, Any]], tokenizer: Any, max_tokens: int) -> list[TokenSequence]:
        """The pieces of each text, which ends with the token for that if the tokenizer has one."""
        encoded = tokenizer([row["text"] for row in rows], return_attention_mask=False, verbose=False)["input_ids"]
        end = tokenizer.eos_token_id
        found: list[TokenSequence] = []
        for ids in encoded:
            closed = ids if end is None or (ids and ids[-1] == end) else [*ids, end]
            found += pieces(np.array(closed, dtype=np.int32), max_tokens)
        return found

    def load_model(self, directory: Path, name: str) -> Any:
        """The pretrained model, which must keep packed documents apart; raises UserError."""
        model = load_pretrained(self.auto_class, directory, name, self.config)
        if self.config.packing and not keeps_documents_apart(model):
            raise UserError(
                f"{name} ({model.config.model_type}) mixes documents that are packed together",
                where="train.packing",
                remedy="set packing to false",
            )
        return model

    def arrange(self, sequences: list[TokenSequence], max_tokens: int) -> list[TokenSequence]:
        """Packs of documents, if they are to be packed."""
        if not self.config.packing:
            return sequences
        packs = best_fit([len(one["input_ids"]) for one in sequences], max_tokens)
        return [packed([sequences[number] for number in pack]) for pack in packs]


TASK: Final = CausalLM


def pieces(tokens: Tokens, most: int) -> Iterator[TokenSequence]:
    """Pieces of a text of at most `most` tokens; each token but the first one is to be said in one of them.

    A piece begins with the token that the one before it said last.
    """
    for start in range(0, max(len(tokens) - 1, 0), most - 1):
        piece = tokens[start : start + most]
        yield {"input_ids": piece, "labels": np.append(piece[1:], np.int32(IGNORED))}


def packed(documents: Sequence[TokenSequence]) -> TokenSequence:
    """Documents one after the other; positions that begin again at 0 keep them apart."""
    joined = {name: np.concatenate([one[name] for one in documents]) for name in documents[0]}
    positions = [np.arange(len(one["input_ids"]), dtype=np.int32) for one in documents]
    return {**joined, "position_ids": np.concatenate(positions)}


def keeps_documents_apart(model: Any) -> bool:
    """Whether a model says of packed documents what it says of each alone; asked before it is trained."""
    import torch

    device = model.device
    documents = [torch.arange(1, 1 + length, device=device)[None] for length in (3, 5)]
    together = {
        "input_ids": torch.cat(documents, dim=1),
        "position_ids": torch.cat([torch.arange(one.shape[1], device=device)[None] for one in documents], dim=1),
    }
    training = model.training
    model.eval()
    with torch.inference_mode():
        alone = torch.cat([model(input_ids=one, use_cache=False).logits for one in documents], dim=1)
        packed_logits = model(**together, use_cache=False).logits
    model.train(training)
    return bool(torch.allclose(alone, packed_logits, rtol=1e-3, atol=1e-3))
