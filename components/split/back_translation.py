"""Variants by back-translation: a text is translated and back again by two models that are given. Offline, on the CPU.

The models are directories as CTranslate2's converters write them, with the `tokenizer.json` of each beside it. Texts
are translated sentence by sentence, greedily, in full precision and by one thread: so the same text always becomes the
same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.named_files import named_file

TOKENIZER: Final = "tokenizer.json"
LONGEST: Final = 256
"""Tokens of a translated sentence, at most."""
_BETWEEN: Final = re.compile(r"((?<=[.!?])\s+|(?<=[。！？])|\n+)")
_WORD: Final = re.compile(r"\w")
_PLACEHOLDER: Final = re.compile(r"<[A-Z][A-Z_]*[^<>\s]*>")


class BackTranslation:
    """Translates there and back.

    Args:
        there: The model that translates, as path#sha256=digest.
        back: The model that translates its language back.

    Raises:
        UserError: if CTranslate2 is not installed, or one of them is no model.
    """

    def __init__(self, there: str, back: str) -> None:
        self._models = [
            _opened(there, "split.translation_model"),
            _opened(back, "split.back_translation_model"),
        ]
        self.of = lru_cache(maxsize=8)(self._of)

    def _of(self, text: str) -> str:
        """The text after both; sentences with placeholders of personal data stay as they are."""
        parts = _BETWEEN.split(text)
        chosen = [place for place in range(0, len(parts), 2) if _is_translated(parts[place])]
        sentences = [parts[place].strip() for place in chosen]
        for model in self._models if sentences else ():
            sentences = [made or before for made, before in zip(model.translated(sentences), sentences, strict=True)]
        for place, sentence in zip(chosen, sentences, strict=True):
            parts[place] = sentence
        return "".join(parts)


class _Model:
    def __init__(self, translator: Any, tokenizer: Any) -> None:
        self._translator, self._tokenizer = translator, tokenizer

    def translated(self, sentences: Sequence[str]) -> list[str]:
        tokens = [encoded.tokens for encoded in self._tokenizer.encode_batch(list(sentences))]
        found = self._translator.translate_batch(
            tokens, beam_size=1, max_decoding_length=LONGEST, max_input_length=0, replace_unknowns=False
        )
        ids = [[self._tokenizer.token_to_id(token) for token in one.hypotheses[0]] for one in found]
        return [
            text.strip() for text in self._tokenizer.decode_batch([[i for i in one if i is not None] for one in ids])
        ]


def _is_translated(sentence: str) -> bool:
    return bool(_WORD.search(sentence)) and not _PLACEHOLDER.search(sentence)


def _opened(model: str, where: str) -> _Model:
    try:
        from ctranslate2 import Translator
    except ImportError:
        raise UserError(
            "ctranslate2 is not installed, and back_translation needs it",
            where="split.augment",
            remedy="install it, or build the image of clean and split with CLEAN_EXTRAS=translation",
        ) from None
    from tokenizers import Tokenizer

    with named_file(model, where) as path:
        try:
            tokenizer = Tokenizer.from_file(str(path / TOKENIZER))
            translator = Translator(str(path), device="cpu", compute_type="float32", inter_threads=1, intra_threads=1)
        except Exception as error:  # the tokenizer's library raises nothing more precise
            raise UserError(
                f"no model of CTranslate2 with its {TOKENIZER} can be read ({error})",
                where=where,
                remedy="convert one with ct2-transformers-converter --copy_files tokenizer.json",
            ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return _Model(translator, tokenizer)
