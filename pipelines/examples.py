"""Sources of the example profiles: real texts from installed packages, as files in `.evertune/examples/`.

    chat.jsonl       dialogues (chatterbot-corpus, English)
    qa.jsonl         papers, and the sentences that people marked as answers (aclsum)
    summarize.jsonl  documentation of web services and the names of the operations it is about (botocore)
    translate.jsonl  texts of programs in English and Chinese (django, jupyterlab-language-pack-zh-cn)

A file is made when a profile names it. The packages are pinned, so it has the same bytes everywhere.
"""

from __future__ import annotations

import gzip
import html
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.files import write_atomically
from components.shared.references import PACKAGE, local_path, split_sources
from pipelines.profiles import LAPTOP, ROOT

FOLDER: Final = f"{LAPTOP}examples/"
SERVICES: Final = (
    *("apigateway", "backup", "bedrock", "cloudformation", "cloudfront", "cognito-idp", "comprehend", "connect"),
    *("datazone", "dynamodb", "ec2", "ecs", "eks", "glue", "guardduty", "iam", "iot", "lambda", "lightsail"),
    *("medialive", "networkmanager", "opensearch", "organizations", "quicksight", "rds", "redshift", "s3"),
    *("sagemaker", "securityhub", "sns", "sqs", "ssm", "transcribe", "wafv2", "workspaces"),
)
QUESTIONS: Final = {
    "challenge": "What is the problem?",
    "approach": "How is it approached?",
    "outcome": "What came out of it?",
}
LONGEST_DOCUMENTATION: Final = 400
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_MARKUP: Final = re.compile(r"<[^>]+>")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")
Rows = Iterator[dict[str, Any]]


def make(source: str) -> None:
    """Makes the example files that a source names and that are not there yet.

    Raises:
        UserError: if there is no example of that name, or its package is not installed.
    """
    for _, uri in split_sources(source, "source"):
        if uri.startswith(FOLDER):
            name = uri.removeprefix(FOLDER).removesuffix(".jsonl")
            if name not in EXAMPLES:
                raise UserError(f"no example {name!r}", where="source", remedy=f"use one of {', '.join(EXAMPLES)}")
            if not (ROOT / uri).exists():
                (ROOT / uri).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(ROOT / uri, text_of(name))


def text_of(name: str) -> bytes:
    """The content of an example file: one JSON object in each line, none twice."""
    lines = (json.dumps(row, ensure_ascii=False) for row in EXAMPLES[name]())
    return "".join(f"{line}\n" for line in dict.fromkeys(lines)).encode()


def _dialogues() -> Rows:
    import yaml

    for path in sorted(_package("chatterbot-corpus/chatterbot_corpus/data/english").glob("*.yml")):
        for turns in yaml.safe_load(path.read_text(encoding="utf-8"))["conversations"]:
            if len(turns) > 1 and all(isinstance(turn, str) and turn.strip() for turn in turns):
                pairs = zip(("user", "assistant") * len(turns), turns[: len(turns) // 2 * 2], strict=False)
                yield {"messages": [{"role": role, "content": turn} for role, turn in pairs], "topic": path.stem}


def _marked_papers() -> Rows:
    """A question for each aspect of a paper's abstract; the answer is the first run of sentences marked for it."""
    for part in ("train", "val", "test"):
        text = (_package("aclsum/aclsum/dataset") / f"{part}.jsonl").read_text(encoding="utf-8")
        for paper in map(json.loads, text.splitlines()):
            sentences = paper["sentences"]["abstract"]
            for aspect, question in QUESTIONS.items():
                marks = paper["highlights"][aspect]["abstract"]
                if 1 in marks:
                    first = marks.index(1)
                    last = [*marks, 0].index(0, first)
                    start = len(" ".join([*sentences[:first], ""]))
                    answer = {"text": " ".join(sentences[first:last]), "start": start}
                    context = " ".join(sentences)
                    yield {"question": question, "context": context, "answers": [answer], "aspect": aspect}


def _operations() -> Rows:
    """What an operation does, and the words of its name."""
    data = _package("botocore/botocore/data")
    for service in SERVICES:
        newest = max((data / service).iterdir())
        with gzip.open(newest / "service-2.json.gz") as file:
            operations = json.load(file)["operations"]
        for name, operation in operations.items():
            told = " ".join(html.unescape(_MARKUP.sub(" ", operation.get("documentation", ""))).split())
            if told:
                words = " ".join(_WORD.findall(name)).lower()
                yield {"source": told[:LONGEST_DOCUMENTATION], "target": words, "service": service}


def _translations() -> Rows:
    packs = {
        "django": ("django/django", "**/zh_Hans/LC_MESSAGES/*.mo"),
        "jupyterlab": ("jupyterlab-language-pack-zh-cn/jupyterlab_language_pack_zh_CN", "**/*.mo"),
    }
    for origin, (package, pattern) in packs.items():
        for path in sorted(_package(package).glob(pattern)):
            for english, chinese in messages(path.read_bytes()):
                if english != chinese and _CHINESE.search(chinese):
                    yield {"source": english, "target": chinese, "origin": origin}


def messages(catalogue: bytes) -> Iterator[tuple[str, str]]:
    """The texts of a gettext catalogue (.mo) and their translations, of plurals the first form."""
    order = "<" if catalogue[:4] == b"\xde\x12\x04\x95" else ">"
    count, sources, targets = struct.unpack(f"{order}3I", catalogue[8:20])

    def text(table: int, number: int) -> str:
        size, start = struct.unpack_from(f"{order}2I", catalogue, table + 8 * number)
        return catalogue[start : start + size].decode().partition("\0")[0].rpartition("\x04")[2]

    for number in range(count):
        if source := text(sources, number):
            yield source, text(targets, number)


def _package(place: str) -> Path:
    return local_path(f"{PACKAGE}{place}", "source")


EXAMPLES: Final[Mapping[str, Callable[[], Rows]]] = {
    "chat": _dialogues,
    "qa": _marked_papers,
    "summarize": _operations,
    "translate": _translations,
}
