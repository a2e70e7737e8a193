"""Makes a base model from nothing: a tokenizer that learns the training rows, and random weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from components.shared.datasets import Dataset
from components.shared.new_models import BPE, NewModel
from components.shared.vocabulary import FILE, MARKS, PIECES, train_vocabulary

log = logging.getLogger("evertune.train")
SPECIAL: Final = ("<pad>", "<s>", "</s>", "<mask>", "<unk>")
BEGIN, END = 1, 2
LEAST_COUNT: Final = 2
"""A pair of tokens that is rarer does not become one."""
CHAT_TEMPLATE: Final = (
    "{% for message in messages %}<s>{{ message['role'] }}\n{{ message['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
_CLASSES: Final = {
    "bert": "BertForMaskedLM",
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "t5": "T5ForConditionalGeneration",
}


def make_model(model: NewModel, dataset: Dataset, seed: int, directory: Path) -> None:
    """Writes a model directory; the same bytes for the same arguments.

    Args:
        model: Its family and size.
        dataset: Of whose training rows the tokenizer learns the words.
        seed: Of the weights.
        directory: An existing directory.
    """
    import torch
    import transformers

    tokenizer = _tokenizer(model, dataset) if model.tokenizer == BPE else _of_kind(model, dataset, directory)
    tokenizer.save_pretrained(directory)
    config = transformers.AutoConfig.for_model(model.family, **_shape(model, tokenizer))
    torch.manual_seed(seed)
    made = getattr(transformers, _CLASSES[model.family])(config)
    made.save_pretrained(directory)
    log.info("made a %s of %.1f million weights", model.family, sum(p.numel() for p in made.parameters()) / 1e6)


def _tokenizer(model: NewModel, dataset: Dataset) -> Any:
    from tokenizers import ByteLevelBPETokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    learner = ByteLevelBPETokenizer()
    learner.train_from_iterator(
        _texts(dataset),
        vocab_size=model.vocabulary,
        min_frequency=LEAST_COUNT,
        special_tokens=list(SPECIAL),
        show_progress=False,
    )
    tokenizer = learner._tokenizer
    marks = [("<s>", BEGIN), ("</s>", END)]
    single, pair = ("$A </s>", "$A $B </s>") if model.family == "t5" else ("<s> $A </s>", "<s> $A </s> $B </s>")
    tokenizer.post_processor = TemplateProcessing(single=single, pair=pair, special_tokens=marks)
    names = ("pad_token", "bos_token", "eos_token", "mask_token", "unk_token")
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="<s>",  # noqa: S106
        sep_token="</s>",  # noqa: S106
        model_max_length=model.positions,
        **dict(zip(names, SPECIAL, strict=True)),
    )
    if model.family in ("gpt2", "llama"):
        wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def _of_kind(model: NewModel, dataset: Dataset, directory: Path) -> Any:
    """A WordPiece or Unigram tokenizer, as `evertune datasets tokenizer` makes them."""
    from transformers import PreTrainedTokenizerFast

    train_vocabulary(_texts(dataset), model.tokenizer, model.vocabulary, directory, "base_model")
    pad, end, unknown = PIECES
    special = {"pad_token": pad, "eos_token": end, "unk_token": unknown}
    if model.tokenizer == "wordpiece":
        special = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), MARKS, strict=True))
    return PreTrainedTokenizerFast(tokenizer_file=str(directory / FILE), model_max_length=model.positions, **special)


def _texts(dataset: Dataset) -> Iterator[str]:
    """All texts of the training rows, also those inside of lists."""
    for row in dataset.rows("train"):
        for column, value in row.items():
            if column not in ("id", "meta", "label", "labels"):
                yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)


def _shape(model: NewModel, tokenizer: Any) -> dict[str, Any]:
    """The settings of a family's configuration."""
    begin, end = tokenizer.bos_token or tokenizer.cls_token, tokenizer.eos_token or tokenizer.sep_token
    ids: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": begin and tokenizer.convert_tokens_to_ids(begin),
        "eos_token_id": tokenizer.convert_tokens_to_ids(end),
    }
    wide = 4 * model.width
    usual = {
        "hidden_size": model.width,
        "intermediate_size": wide,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "max_position_embeddings": model.positions,
    }
    match model.family:
        case "gpt2":
            own = {
                "n_embd": model.width,
                "n_layer": model.layers,
                "n_head": model.heads,
                "n_positions": model.positions,
            }
        case "t5":
            own = {
                "d_model": model.width,
                "d_kv": model.width // model.heads,
                "d_ff": wide,
                "num_layers": model.layers,
                "num_heads": model.heads,
                "decoder_start_token_id": tokenizer.pad_token_id,
                "n_positions": model.positions,
            }
        case "llama":
            own = {**usual, "num_key_value_heads": model.heads, "tie_word_embeddings": True}
        case _:
            own = usual
    return {**ids, **own}
