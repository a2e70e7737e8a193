"""Options of `clean`, which repairs, filters and de-duplicates rows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from components.shared.errors import UserError
from components.shared.manifest import Shard
from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact
from components.shared.references import check_pinned
from components.shared.written_lists import chosen, pairs

PERSONAL_DATA: Final = ("email", "phone", "ip", "id", "card", "bank", "credentials")
LANGUAGES: Final = (
    *("am", "ar", "az", "be", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "gu"),
    *("he", "hi", "hr", "hu", "hy", "is", "it", "ja", "ka", "kn", "ko", "ku", "lo", "lt", "lv", "ml", "mr", "ms", "nl"),
    *("no", "or", "pa", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "ta", "te", "th", "tl", "tr", "uk", "ur"),
    *("vi", "yo", "zh"),
)
"""Codes of the languages that can be told."""
LINE_RULES: Final = ("citations", "punctuation", "words", "javascript", "policies")
"""Rules for lines of web pages (docs/reference/quality-rules.md)."""
QUALITY_LIMITS: Final[Mapping[str, Mapping[str, float]]] = {
    "gopher": {
        "min_words": 50,
        "max_words": 100_000,
        "min_word_length": 3,
        "max_word_length": 10,
        "max_symbols": 0.1,
        "max_bullet_lines": 0.9,
        "max_ellipsis_lines": 0.3,
        "min_alphabetic_words": 0.8,
        "min_stop_words": 2,
        "max_duplicate_lines": 0.3,
        "max_duplicate_paragraphs": 0.3,
        "max_duplicate_line_characters": 0.2,
        "max_duplicate_paragraph_characters": 0.2,
        "max_top_2_words": 0.2,
        "max_top_3_words": 0.18,
        "max_top_4_words": 0.16,
        **{f"max_repeated_{size}_words": round(0.2 - size / 100, 2) for size in range(5, 11)},
    },
    "c4": {"min_sentences": 3, "max_lorem_ipsum": 0, "max_curly_brackets": 0},
    "fineweb": {"min_punctuated_lines": 0.12, "max_short_lines": 0.67, "max_repeated_line_characters": 0.1},
    "chinese": {
        "min_characters": 200,
        "min_line_length": 10,
        "min_chinese_share": 0.3,
        "max_repeated_13_characters": 0.5,
    },
}
"""Families of rules with their limits, as published (docs/reference/quality-rules.md)."""


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.clean`."""

    step: ClassVar[str] = "clean"

    raw: Path = input_artifact("Directory of the dataset of raw rows.")
    evaluation_texts: Path = input_artifact(
        "Directory of the dataset of texts that models will be tested on: rows that overlap one are dropped.",
        optional=True,
    )
    task: str = identity("What the rows are for; decides their columns.")
    store: str = identity(
        "Object store that keeps what was made of each shard, so that only new and changed shards are cleaned again; "
        "empty keeps nothing.",
        optional=True,
    )
    share: str = identity(
        "Which share of the shards to clean into the store, as 3/8, without going on; empty goes on with all of them.",
        optional=True,
    )

    cleaned: Path = output_artifact("Directory of the cleaned dataset.")
    findings: Path = output_artifact("Directory of what was found: dropped rows with reasons, clusters, counts.")
    report: Path = output_artifact("HTML report: what was dropped and why, with examples and distributions.")

    markup: bool = option(True, "Turn HTML into text.")
    main_content: bool = option(
        False, "Of whole HTML pages keep the main content, without menus, side bars and footers."
    )
    unicode_repair: bool = option(True, "Repair mojibake: text that was read in another encoding than it is in.")
    invisible_characters: bool = option(True, "Remove control and zero-width characters and direction marks.")
    normal_form: str = option(
        "NFC", "Unicode normal form to bring texts into; empty leaves them.", choices=("", "NFC", "NFKC")
    )
    full_width: bool = option(False, "Turn full-width letters and digits into ASCII ones; Chinese punctuation stays.")
    white_space: bool = option(True, "Put single spaces, trim lines, and leave one empty line in a row.")
    repeated_lines: int = option(
        0, "Remove lines of 10 characters or more that stand in at least so many texts; 0 removes none.", low=0
    )
    line_rules: str = option(
        "", f"Rules by which lines of web pages are removed, with commas: {', '.join(LINE_RULES)}; empty removes none."
    )
    personal_data: bool = option(True, "Replace personal data by placeholders.")
    personal_data_kinds: str = option(
        ",".join(PERSONAL_DATA), "Which kinds of personal data, with commas: all of them, unless some are left out."
    )
    personal_data_key: str = option(
        "",
        "Id of the secret key with which the same person always gets the same placeholder; empty makes them all alike, "
        "`published` is known to everybody.",
    )
    min_chars: int = option(1, "Drop shorter texts.", unit="characters", low=1)
    max_chars: int = option(20_000, "Drop longer texts.", unit="characters", low=1)
    languages: str = option("", "Drop texts that are surely in none of these languages, as en,zh; empty keeps all.")
    quality_rules: str = option(
        "", f"Families of rules for running text, with commas: {', '.join(QUALITY_LIMITS)}; empty asks for none."
    )
    quality_limits: str = option("", "Other limits for the chosen rules, as min_words=20,max_symbols=0.2.")
    blocked_words: str = option(
        "", "File of words, one on each line, whose texts are dropped: path#sha256=digest, also s3://.", file=True
    )
    blocked_word_count: int = option(1, "Drop texts that hold at least so many of the blocked words.", low=1)
    overlap_words: int = option(
        13,
        "Length of a run of words (characters, in Chinese) that must not stand in the evaluation set too.",
        low=5,
        high=100,
    )
    exact_duplicates: bool = option(True, "Keep one of the rows with the same text but for case and white space.")
    conflicting_labels: bool = option(
        True, "Drop duplicates altogether when their labels differ; what is in the test set already stays there."
    )
    near_duplicates: bool = option(True, "Keep one of the rows whose texts are nearly the same.")
    near_duplicate_similarity: float = option(
        0.8, "Jaccard similarity of shingles from which two texts are near-duplicates.", low=0.5, high=1
    )
    cluster_similarity: float = option(
        0.6, "Jaccard similarity from which two kept texts are of one cluster, which is never split.", low=0.5, high=1
    )
    processes: int = option(0, "Processes that clean at once; 0 takes one for each core.", unit="processes", low=0)
    memory_mb: int = option(
        2048, "Memory that all processes may take; there are fewer of them where it is short.", unit="MB", low=256
    )

    def check(self) -> None:
        """Checks lists and references, and numbers against each other."""
        self._share()
        chosen(self.personal_data_kinds, PERSONAL_DATA, "clean.personal_data_kinds")
        chosen(self.languages, LANGUAGES, "clean.languages")
        chosen(self.line_rules, LINE_RULES, "clean.line_rules")
        self.limits()
        check_pinned(self.blocked_words, "clean.blocked_words")
        if self.min_chars > self.max_chars:
            raise UserError(
                f"{self.min_chars} is more than max_chars ({self.max_chars})",
                where="clean.min_chars",
                remedy="give a smaller one",
            )
        if self.cluster_similarity > self.near_duplicate_similarity:
            raise UserError(
                f"{self.cluster_similarity} is more than near_duplicate_similarity ({self.near_duplicate_similarity})",
                where="clean.cluster_similarity",
                remedy="give a smaller one, so that what is alike but kept stays in one split",
            )

    def share_of(self, shards: Sequence[Shard]) -> Sequence[Shard]:
        """The shards of the chosen share: all of them when there is none."""
        number, count = self._share()
        return shards[number - 1 :: count]

    def by_share(self, shards: Sequence[Shard]) -> Sequence[Shard]:
        """All shards: those of the chosen share first, then those of the next one, and so on."""
        number, count = self._share()
        return [shard for turn in range(count) for shard in shards[(number - 1 + turn) % count :: count]]

    def _share(self) -> tuple[int, int]:
        if not self.share:
            return 1, 1
        if not (match := re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", self.share)) or int(match[1]) > int(match[2]):
            raise UserError(f"{self.share!r} is not a share", where="clean.share", remedy="give one as 3/8")
        if not self.store:
            raise UserError("there is no store to keep a share in", where="clean.store", remedy="give one")
        return int(match[1]), int(match[2])

    def limits(self) -> dict[str, float]:
        """The limits of the chosen quality rules, by name."""
        families = chosen(self.quality_rules, tuple(QUALITY_LIMITS), "clean.quality_rules")
        limits = {name: limit for family in families for name, limit in QUALITY_LIMITS[family].items()}
        for name, value in pairs(self.quality_limits, "clean.quality_limits").items():
            chosen(name, tuple(limits) or ("nothing, for no rules are chosen",), "clean.quality_limits")
            limits[name] = _number(value, f"clean.quality_limits: {name}")
        return limits


def _number(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):  # no text breaks a limit that is none
        raise UserError(f"{text!r} is not a number", where=where, remedy="give a number")
    return number
