"""The page of Markdown that Kubeflow shows of a decision."""

import json

from components.promote.core import run
from components.promote.page import page
from components.shared.entry import executor_output
from components.shared.models import model_digest


def shown(config, result):
    entry = {"artifacts": [{"uri": "s3://b/summary", "type": {"schemaTitle": "system.Markdown"}, "metadata": {}}]}
    told = executor_output({"outputs": {"artifacts": {"summary": entry, "decision": entry}}}, result)
    assert told["artifacts"]["summary"] == entry
    assert told["artifacts"]["decision"]["artifacts"][0]["metadata"]["reason"]
    return config.summary.read_text()


def test_the_page_names_revision_model_decision_and_reason(make):
    config = make("first")
    text = shown(config, run(config))
    decision = json.loads(config.decision.read_bytes())
    assert text.startswith("# Promoted: reviews\n")
    for row in (
        "| decision | promoted |",
        f"| reason | {decision['reason']} |",
        "| dataset revision | reviews/v1 |",
        f"| model | reviews {model_digest(config.model)[:16]} |",
        "| champion before | none |",
        "| accuracy | 0.800 (0.775 to 0.825) |",
    ):
        assert row in text


def test_a_retrain_of_an_unchanged_source_says_nothing_new(make):
    config = make("first")
    run(config)
    again = make("first", f"000001-{model_digest(config.model)[:16]}", wins=0, losses=0)
    result = run(again)
    assert result.summary.startswith("nothing new: ")
    assert shown(again, result).startswith("# Nothing new: reviews\n")


def test_no_text_can_break_the_table():
    record = {
        "promoted": False,
        "reason": "a | b\n<script>",
        "model_name": "m",
        "digest": "d",
        "champion_before": "",
        "champion_after": "",
        "lineage": {},
        "metrics": {},
    }
    assert "| reason | a \\| b &lt;script> |" in page(record, nothing_new=False)
