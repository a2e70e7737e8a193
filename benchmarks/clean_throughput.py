"""How many documents `clean` takes in a CPU second: the whole step with its defaults, and operations by themselves.

    python benchmarks/clean_throughput.py [documents]

The mixed corpus has texts of about 1.4 kB: English and Chinese, pieces of HTML and whole pages, mojibake, typographic
quotes, personal data, and some exact copies; the plain one is ASCII. Each contender runs in a process of its own after
a short first run; CPU time is that of the process and its children, the best of three.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from duplicates_corpus import Language

from components.shared.datasets import DatasetWriter

ROUNDS: Final = 3
WANTED: Final = {"mixed": 1_000, "plain": 2_000, "HTML to text": 5_000, "language": 20_000}
STEP: Final = """
import resource, sys, time
from pathlib import Path
from components.clean.config import Config
from components.clean.core import run
def seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
out = Path(sys.argv[1])
for raw in sys.argv[2:]:
    started = seconds()
    run(Config(raw=Path(raw), task="causal_lm", cleaned=out / "c", findings=out / "f", report=out / "r.html"))
print(seconds() - started)
"""
OPERATION: Final = """
import sys, time
from pathlib import Path
from components.clean import characters, languages, markup, quality, repeated_lines
from components.clean.config import PERSONAL_DATA, QUALITY_LIMITS
from components.clean.personal_data import Redactor
from components.clean.placeholders import Placeholders
from components.shared.datasets import Dataset
gopher = QUALITY_LIMITS["gopher"]
operation = {
    "HTML to text": markup.to_text,
    "main content": markup.to_main_text,
    "markup": markup.to_text,
    "mojibake": characters.repair,
    "invisible": characters.strip_invisible,
    "normal form": characters.normaliser("NFC"),
    "white space": characters.tidy,
    "personal data": Redactor(PERSONAL_DATA, Placeholders("published")).redact,
    "language": languages.language_of,
    "quality (Gopher)": lambda text: quality.violated(text, gopher),
}[sys.argv[1]]
for raw in sys.argv[2:]:
    texts = [row["text"] for row in Dataset(Path(raw)).rows()]
    started = time.process_time()
    for text in texts:
        operation(text)
print(time.process_time() - started)
"""
PAGE: Final = (
    '<!DOCTYPE html><html><head><title>News</title><style>p {{ color: red }}</style></head><body class="page">'
    '<nav>{nav}</nav><div class="menu"><ul>{menu}</ul></div><article><h1>{title}</h1>{paragraphs}</article>'
    "<footer>&copy; 2020 <a href='/legal'>Legal</a></footer><script>var page = 1;</script></body></html>"
)


class Writer:
    """Makes documents of one language.

    Args:
        chinese: Whether they are of Chinese characters.
        seed: Where chance begins.
    """

    def __init__(self, *, chinese: bool, seed: int) -> None:
        self.language, self.chance = Language(chinese=chinese), np.random.default_rng(seed)
        self.chinese = chinese

    def sentences(self) -> list[str]:
        """The sentences of a text of the usual length."""
        drawn = self.language.draw(self.chance, self.language.length)
        words = [self.language.vocabulary[number] for number in drawn]
        size = 20 if self.chinese else 15
        pieces = [words[begin : begin + size] for begin in range(0, len(words), size)]
        if self.chinese:
            return ["".join(piece[:9]) + "，" + "".join(piece[9:]) + "。" for piece in pieces]
        return [" ".join(piece).capitalize() + "." for piece in pieces]

    def paragraphs(self) -> list[str]:
        """The same as paragraphs."""
        found, joint = self.sentences(), "" if self.chinese else " "
        return [joint.join(found[begin : begin + 4]) for begin in range(0, len(found), 4)]

    def plain(self) -> str:
        """Text without anything to do."""
        return "\n\n".join(self.paragraphs())

    def pieces(self) -> str:
        """Text with the markup of a web form."""
        return "<br /><br />".join(self.paragraphs()).replace(" a", " <b>a</b>", 2) + " &amp; so on &hellip;"

    def page(self) -> str:
        """A whole HTML page."""
        links = [f'<a href="/{number}">{" ".join(self.sentences()[0].split()[:2])}</a>' for number in range(8)]
        paragraphs = "".join(f'<p class="text">{paragraph}</p>' for paragraph in self.paragraphs())
        menu = "".join(f"<li>{link}</li>" for link in links[4:])
        return PAGE.format(nav=" ".join(links[:4]), menu=menu, title=self.sentences()[0], paragraphs=paragraphs)

    def typographic(self) -> str:
        """Text with quotes, dashes and accents."""
        return "\n\n".join(f"“{paragraph}” – it’s naïve" for paragraph in self.paragraphs())

    def mojibake(self) -> str:
        """The same, read in the wrong encoding."""
        return self.typographic().encode().decode("sloppy-windows-1252")

    def personal(self) -> str:
        """Text with personal data."""
        number = int(self.chance.integers(10**7, 10**8))
        return f"{self.plain()} Write to jane{number}@example.org or call +44 20 {number}, 138{number}."


def mixed() -> Iterator[str]:
    """Documents of all kinds; every twentieth is an exact copy."""
    import ftfy.bad_codecs  # noqa: F401 - registers the codec of mojibake

    english, chinese = Writer(chinese=False, seed=1), Writer(chinese=True, seed=2)
    kinds: list[Callable[[], str]] = [
        *[english.plain] * 7,
        *[english.pieces] * 3,
        *[english.mojibake] * 2,
        *(english.page, english.typographic, english.personal),
        *[chinese.plain] * 3,
        chinese.pieces,
    ]
    copy = english.plain()
    while True:
        for kind in kinds:
            yield kind()
        yield copy


def plain() -> Iterator[str]:
    """ASCII texts."""
    writer = Writer(chinese=False, seed=3)
    while True:
        yield writer.plain()


def pages() -> Iterator[str]:
    """Whole HTML pages."""
    writer = Writer(chinese=False, seed=4)
    while True:
        yield writer.page()


def write(texts: Iterator[str], documents: int, directory: Path) -> Path:
    """Writes so many documents as a dataset of raw rows."""
    directory.mkdir()
    writer = DatasetWriter(directory, {"text": "string"})
    for text in islice(texts, documents):
        writer.write({"text": text})
    writer.finish()
    return directory


def rate(program: str, arguments: list[str], documents: int) -> float:
    """Documents per CPU second, the best of some rounds."""
    with tempfile.TemporaryDirectory() as out:
        given = [argument.format(out=out) for argument in arguments]
        command = [sys.executable, "-c", program, *given]
        done = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(ROUNDS)]
    return documents / min(float(one.stdout) for one in done)


def main() -> None:
    """Prints a line for each measurement."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = str(write(mixed(), 200, folder / "short"))
        corpora = {
            kind.__name__: str(write(kind(), documents, folder / kind.__name__)) for kind in (mixed, plain, pages)
        }
        for corpus in ("mixed", "plain"):
            tell(corpus, "whole step", rate(STEP, ["{out}", short, corpora[corpus]], documents))
        for operation in ("HTML to text", "main content"):
            tell(operation, "pages", rate(OPERATION, [operation, short, corpora["pages"]], documents))
        others = ("markup", "mojibake", "invisible", "normal form", "white space", "personal data", "language")
        for operation in (*others, "quality (Gopher)"):
            tell(operation, "mixed", rate(OPERATION, [operation, short, corpora["mixed"]], documents))


def tell(name: str, corpus: str, found: float) -> None:
    """Prints a measurement."""
    wanted = f"  (wanted: {WANTED[name]:,})" if name in WANTED else ""
    print(f"{name:>18}  {corpus:>10}  {found:>9,.0f} documents per CPU second{wanted}", flush=True)


if __name__ == "__main__":
    main()
