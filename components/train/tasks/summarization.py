"""Summarization: short targets of long sources."""

from __future__ import annotations

from typing import ClassVar, Final

from components.train.tasks.sequence_to_sequence import SequenceToSequence


class Summarization(SequenceToSequence):
    """Rows of `source`, a text, and `target`, its summary."""

    pipeline_tag: ClassVar[str] = "summarization"


TASK: Final = Summarization
