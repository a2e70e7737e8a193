"""Trains the vocabulary of a new tokenizer on texts; the same texts in the same order give the same file.

The form is that of models of its kind: `bpe` works on bytes and knows no unknown token, as GPT-2's; `wordpiece` is
BERT's; `unigram` is T5's. A Chinese character is a word of its own for `wordpiece`.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.shared.errors import UserError
from components.shared.files import write_atomically

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILE: Final = "tokenizer.json"
LEAST_SIZE: Final = 300
"""Fewer do not hold the bytes and the special tokens."""
MARKS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
END: Final = "<|endoftext|>"
PIECES: Final = ("<pad>", "</s>", "<unk>")
_ROUNDS: Final = 3


def train_vocabulary(texts: Iterable[str], kind: str, size: int, into: Path, where: str = "--size") -> int:
    """Trains a tokenizer and writes its `tokenizer.json`.

    Args:
        texts: What to train on.
        kind: A name of KINDS.
        size: Most tokens of the vocabulary.
        into: The directory, which may exist.
        where: What gave the size.

    Returns:
        How many tokens it has.
    """
    if size < LEAST_SIZE:
        raise UserError(f"{size} tokens are too few", where=where, remedy=f"give at least {LEAST_SIZE}")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # sums in another order may choose other pieces
    kept = list(texts)
    if not kept:
        raise UserError("there is no text to train on", where=kind, remedy="give a revision with training rows")
    tokenizer, trainer = KINDS[kind](size, kept)
    tokenizer.train_from_iterator(kept, trainer)
    made = json.loads(tokenizer.to_str())
    marks = {*MARKS, END, *PIECES}
    made["added_tokens"] = [token for token in made["added_tokens"] if token["content"] in marks]  # no letters
    if kind == "unigram":
        made["model"]["vocab"] = _scored(made, kept)
    into.mkdir(parents=True, exist_ok=True)
    write_atomically(into / FILE, (json.dumps(made, ensure_ascii=False, indent=1) + "\n").encode())
    return len(made["model"]["vocab"])


def _scored(tokenizer: dict[str, Any], texts: Sequence[str]) -> list[list[Any]]:
    """The pieces with scores of our own: those of the library depend on the order in which its threads sum them up.

    Beginning with texts cut into as few pieces as possible, a piece's score is the logarithm of its share of all
    pieces, twice over.
    """
    from tokenizers import Tokenizer

    marked, rest = tokenizer["model"]["vocab"][: len(PIECES)], tokenizer["model"]["vocab"][len(PIECES) :]
    pieces = sorted(piece for piece, _ in rest)
    counts = Counter[int]()
    for _ in range(_ROUNDS):
        total = sum(counts.values()) + len(pieces)
        scores = {piece: math.log((counts[number] + 1) / total) for number, piece in enumerate(pieces, len(PIECES))}
        tokenizer["model"]["vocab"] = marked + [[piece, scores[piece]] for piece in pieces]
        counts = Counter()
        for encoding in Tokenizer.from_str(json.dumps(tokenizer)).encode_batch(list(texts)):
            counts.update(encoding.ids)
    rescored = sorted(
        ([piece, score] for piece, score in scores.items()), key=lambda one: (-float(one[1]), str(one[0]))
    )
    return [*marked, *rescored]


def _bpe(size: int, _: Sequence[str]) -> tuple[Tokenizer, Any]:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return tokenizer, trainers.BpeTrainer(
        vocab_size=size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )


def _wordpiece(size: int, texts: Sequence[str]) -> tuple[Tokenizer, Any]:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token=MARKS[1]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing((MARKS[3], 3), (MARKS[2], 2))
    # Given beforehand, since the library numbers them in the order in which it happens to meet them.
    letters = sorted({sign for text in texts for sign in tokenizer.normalizer.normalize_str(text) if sign > " "})
    known = [*MARKS, *letters, *(f"##{letter}" for letter in letters)]
    size = max(size, len(known))
    return tokenizer, trainers.WordPieceTrainer(vocab_size=size, special_tokens=known, show_progress=False)


def _unigram(size: int, _: Sequence[str]) -> tuple[Tokenizer, Any]:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[(PIECES[1], 1)])
    return tokenizer, trainers.UnigramTrainer(
        vocab_size=size, special_tokens=list(PIECES), unk_token=PIECES[2], show_progress=False
    )


KINDS: Final[dict[str, Callable[[int, Sequence[str]], tuple[Any, Any]]]] = {
    "bpe": _bpe,
    "wordpiece": _wordpiece,
    "unigram": _unigram,
}
"""What makes a tokenizer and its trainer, by kind."""
