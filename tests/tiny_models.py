"""Tiny random models of each kind, with a byte-level tokenizer made of a few texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

SPECIAL = ["<pad>", "<s>", "</s>", "<mask>", "<unk>"]
TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant: {% endif %}"
)
SHAPES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 128},
    "llama": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 128,
    },
    "bert": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
    },
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0},
}
HEADS = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "bert": "BertForMaskedLM",
    "t5": "T5ForConditionalGeneration",
}


def tiny_model_of(kind: str, directory: Path, texts: list[str], **settings: Any) -> Path:
    """Writes a model directory."""
    directory.mkdir(parents=True)
    tokenizer = tokenizer_of(texts)
    tokenizer.save_pretrained(directory)
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    shape = {**SHAPES[kind], "vocab_size": len(tokenizer), **ids, **settings}
    config = transformers.AutoConfig.for_model(kind, **shape)
    torch.manual_seed(1)
    getattr(transformers, HEADS[kind])(config).save_pretrained(directory)
    return directory


def tokenizer_of(texts: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of 400 byte pairs that opens and closes each text."""
    from tokenizers.processors import TemplateProcessing

    pairs = ByteLevelBPETokenizer()
    pairs.train_from_iterator(texts, vocab_size=400, special_tokens=SPECIAL, show_progress=False)
    made = pairs._tokenizer
    made.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    names = ("pad_token", "bos_token", "eos_token", "mask_token", "unk_token")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, cls_token="<s>", sep_token="</s>", **dict(zip(names, SPECIAL, strict=True))
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer
