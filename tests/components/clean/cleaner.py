"""Cleans texts in many small shards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from components.clean.config import Config
from components.clean.core import run
from components.shared.datasets import DatasetWriter
from components.shared.files import staged_directory, tree_digest
from components.shared.records import columns_of


def text_of(number: int) -> str:
    """A text: of 250 and the 250 after them each has the same one, of those behind nearly the same."""
    words = [f"w{number % 250}x{place}" for place in range(30)]
    words[3] = f"edited{number // 500}"
    return f"<p>{' '.join(words)} &amp; others, mail{number}@example.org 好"


TEXTS = [text_of(number) for number in range(1000)]


def write_evaluation(directory: Path, texts: Iterable[str]) -> Path:
    """Writes the texts of an evaluation set as `ingest` does."""
    with staged_directory(directory) as place:
        writer = DatasetWriter(place, {"text": "string"})
        for text in texts:
            writer.write({"text": text})
        writer.finish()
    return directory


class Cleaner:
    """Writes texts as a raw dataset and cleans them."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def config(self, texts, **options) -> Config:
        with staged_directory(self.place / "raw") as directory:
            writer = DatasetWriter(directory, columns_of("classification"))
            for number, text in enumerate(texts):
                writer.write({"text": text, "label": "ab"[number % 2]})
            writer.finish()
        outputs = {name: self.place / name for name in ("cleaned", "findings", "report")}
        return Config(raw=self.place / "raw", task="classification", **outputs, **{"processes": 1, **options})

    def __call__(self, texts, **options) -> tuple[str, list[str]]:
        """The summary, and the digests of all outputs."""
        config = self.config(texts, **options)
        summary = run(config).summary
        return summary, [tree_digest(path) for path in (config.cleaned, config.findings, config.report)]
