"""Base weights in 4 bits under an adapter (QLoRA), by bitsandbytes."""

from __future__ import annotations

import importlib.util
from typing import Any, Final

from components.shared.errors import UserError
from components.train.config import QLORA, Config

HEADS: Final = (
    *("classifier", "pre_classifier", "score", "classification_head", "qa_outputs", "pooler", "cls"),
    *("lm_head", "embed_out", "generator_lm_head", "output_projection"),
)
"""What transformers calls the heads: new ones are trained whole, those of language models share weights."""


def check_quantization(config: Config) -> None:
    """Raises UserError when the weights are to be in 4 bits and the package or the GPU for that is missing."""
    if config.adapter != QLORA:
        return
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            "qlora needs the package bitsandbytes, which is not installed",
            where="train.adapter",
            remedy="build the image with EXTRAS=qlora and a CUDA build of torch, or set it to lora",
        )
    import torch

    if not torch.cuda.is_available():
        # bitsandbytes does compute on CPUs, but packs the weights anew, with other roundings, when they are evaluated.
        raise UserError("qlora needs a GPU, and there is none", where="train.adapter", remedy="set it to lora")


def four_bit(config: Config) -> dict[str, Any]:
    """What transformers takes to load weights as 4-bit NormalFloat whose scales are quantized too."""
    import torch
    from transformers import BitsAndBytesConfig

    kinds = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        llm_int8_skip_modules=list(HEADS),
        bnb_4bit_compute_dtype=torch.bfloat16 if config.precision == "bf16" else torch.float32,
    )
    return {
        "quantization_config": kinds,
        "device_map": {"": torch.cuda.current_device() if torch.cuda.is_available() else "cpu"},
    }


def merged_without_loss(model: Any) -> Any:
    """The model of an adapter over 4-bit weights, in single precision: the weights as they were trained on, and merged.

    Merging into the 4-bit weights themselves would round the adapter away.
    """
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from peft.tuners.lora.bnb import Linear4bit

    for name, layer in list(model.named_modules()):
        if not isinstance(layer, Linear4bit):
            continue
        base = layer.get_base_layer()
        weight = dequantize_4bit(base.weight.data, base.weight.quant_state).float()
        weight += sum(layer.get_delta_weight(adapter).float() for adapter in layer.active_adapters)
        plain = torch.nn.Linear(base.in_features, base.out_features, bias=base.bias is not None, device=weight.device)
        plain.weight.data.copy_(weight)
        if base.bias is not None:
            plain.bias.data.copy_(base.bias.data)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, plain)
    bare = model.merge_and_unload()
    del bare.config.quantization_config
    bare.hf_quantizer, bare.is_quantized, bare.is_loaded_in_4bit = None, False, False
    return bare
