"""A corpus in which it is known what is a duplicate of what.

    python benchmarks/duplicates_corpus.py corpus.parquet [documents] [--chinese]

Texts of about 1.4 kB whose words are as unevenly frequent as those of a language (Zipf), with capitals and
punctuation; a tenth are exact copies of others, a tenth copies with 0.5 to 12 % of their words replaced, left out or
added. Chinese texts are 300 characters long, and 1 to 3 % of the characters of a copy are replaced. Beside the texts
stand its number as `id`, that of the text that it is a copy of (-1 for none) and the kind of copy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import parquet

WORDS: Final = 215
CHARACTERS: Final = 300
SENTENCE: Final = 18
VOCABULARY: Final = 30_000
BLOCK: Final = 10_000
SCHEMA: Final = pa.schema([("id", pa.string()), ("text", pa.string()), ("copy_of", pa.int64()), ("kind", pa.string())])
EXACT, NEAR, ORIGINAL = "exact", "near", "original"


class Language:
    """Makes texts.

    Args:
        chinese: Whether the texts are of Chinese characters.
    """

    def __init__(self, *, chinese: bool) -> None:
        chance = np.random.default_rng(0)
        size = 3_500 if chinese else VOCABULARY
        frequency = 1 / (np.arange(size) + 2.7)
        self.frequencies = np.cumsum(frequency / frequency.sum())
        self.chinese = chinese
        self.length, (self.least, self.most) = (CHARACTERS, (0.01, 0.03)) if chinese else (WORDS, (0.005, 0.12))
        letters = np.array(list("etaoinshrdlucmfwypvbgk"))
        self.vocabulary = (
            [chr(0x4E00 + number) for number in range(size)]
            if chinese
            else ["".join(chance.choice(letters, chance.integers(2, 10))) for _ in range(size)]
        )

    def draw(self, chance: np.random.Generator, count: int) -> np.ndarray:
        """Numbers of words."""
        return np.minimum(np.searchsorted(self.frequencies, chance.random(count)), len(self.vocabulary) - 1)

    def edited(self, words: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """A copy with some words replaced and, but for Chinese, some left out and some added."""
        changes = max(1, round(chance.uniform(self.least, self.most) * len(words)))
        places = chance.choice(len(words), changes, replace=False)
        words = words.copy()
        words[places] = self.draw(chance, changes)
        if self.chinese:
            return words
        return np.insert(np.delete(words, places[::3]), places[1::3] // 2, self.draw(chance, len(places[1::3])))

    def written(self, words: np.ndarray) -> str:
        """The text of words: sentences with a capital and a mark."""
        numbers, between, marks = words.tolist(), "" if self.chinese else " ", "。，。" if self.chinese else ".,?"
        sentences = []
        for begin in range(0, len(numbers), SENTENCE):
            sentence = between.join([self.vocabulary[number] for number in numbers[begin : begin + SENTENCE]])
            sentences.append(sentence.capitalize() + marks[begin // SENTENCE % 3])
        return between.join(sentences)


def blocks(documents: int, *, chinese: bool = False) -> Iterator[pa.Table]:
    """The corpus in blocks of rows; copies lie behind their originals, in the same block."""
    language = Language(chinese=chinese)
    for begin in range(0, documents, BLOCK):
        chance = np.random.default_rng([1, begin])
        yield _block(language, chance, begin, min(BLOCK, documents - begin))


def _block(language: Language, chance: np.random.Generator, begin: int, rows: int) -> pa.Table:
    kinds = np.where(chance.random(rows) < 0.2, np.where(chance.random(rows) < 0.5, EXACT, NEAR), ORIGINAL)
    kinds[: rows // 50] = ORIGINAL
    drawn = language.draw(chance, rows * language.length).reshape(rows, language.length)
    originals: list[int] = []
    made: dict[int, np.ndarray] = {}
    texts, copy_of = [], []
    for row, kind in enumerate(kinds):
        if kind == ORIGINAL:
            made[row] = drawn[row]
            originals.append(row)
            texts.append(language.written(made[row]))
            copy_of.append(-1)
            continue
        # Each original is copied once: so what is like what is known without comparing all with all.
        original = originals.pop(chance.integers(len(originals)))
        words = made.pop(original)
        texts.append(texts[original] if kind == EXACT else language.written(language.edited(words, chance)))
        copy_of.append(begin + original)
    return pa.table([[str(begin + row) for row in range(rows)], texts, copy_of, kinds.tolist()], schema=SCHEMA)


def write_corpus(path: Path, documents: int, *, chinese: bool = False) -> None:
    """Writes the corpus as Parquet."""
    with parquet.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for block in blocks(documents, chinese=chinese):
            writer.write_table(block)


if __name__ == "__main__":
    numbers = [argument for argument in sys.argv[2:] if argument.isdigit()]
    write_corpus(Path(sys.argv[1]), int(numbers[0]) if numbers else 50_000, chinese="--chinese" in sys.argv)
