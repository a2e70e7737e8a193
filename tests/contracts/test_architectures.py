"""The table of model families says what the pinned transformers can load with the head of each task."""

import pytest

from components.shared.architectures import FAMILIES
from components.shared.records import TASKS

MAPPINGS = {
    "classification": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
    "multilabel_classification": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
    "causal_lm": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "chat": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "masked_lm": "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "translation": "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "summarization": "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
    "question_answering": "MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES",
}


def test_each_task_has_its_families():
    assert FAMILIES.keys() == TASKS.keys() == MAPPINGS.keys()


@pytest.mark.parametrize("task", MAPPINGS)
def test_families_are_those_that_transformers_loads(task):
    from transformers.models.auto import modeling_auto

    assert FAMILIES[task] <= set(getattr(modeling_auto, MAPPINGS[task]))


def test_no_family_that_reads_in_both_directions_learns_to_say_the_next_token():
    assert not FAMILIES["causal_lm"] & (FAMILIES["masked_lm"] | FAMILIES["translation"])
