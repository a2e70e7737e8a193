"""Translation: the target language of texts in the source language."""

from __future__ import annotations

from typing import ClassVar, Final

from components.train.tasks.sequence_to_sequence import SequenceToSequence


class Translation(SequenceToSequence):
    """Rows of `source` and `target` in two languages."""

    pipeline_tag: ClassVar[str] = "translation"


TASK: Final = Translation
