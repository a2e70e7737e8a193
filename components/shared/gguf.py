"""Base models in GGUF files, unpacked to the files that transformers writes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from components.shared.base_models import loading

log = logging.getLogger("evertune")
GGUF: Final = ".gguf"


def unpack(file: Path, directory: Path, name: str) -> None:
    """Writes the weights of a GGUF file, in single precision, and its tokenizer.

    Args:
        file: The file.
        directory: Where the files go; it is made.
        name: Name of the model, for errors.

    Raises:
        UserError: if the file cannot be loaded.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    log.info("unpacking %s", file.name)
    with loading(name):
        read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # transformers does not save what it knows to be quantized: the weights go into a model that is not.
    del read.config.quantization_config
    plain = type(read)(read.config)
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
