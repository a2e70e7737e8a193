"""Makes a model the champion, or says why not.

Everything is safe to repeat: a model is uploaded once, a record is appended only behind the champion that the
evaluation compared with, and a run that was stopped after that finds its own record and says what it had decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.promote.config import Config
from components.promote.decision import Decision, decide
from components.promote.evaluation import Evaluation, read_evaluation
from components.promote.page import page
from components.shared import champions
from components.shared.champions import Champion
from components.shared.errors import UserError
from components.shared.files import write_atomically
from components.shared.models import canonical_json, model_digest, upload_model
from components.shared.objects import ObjectStore, open_store
from components.shared.result import Result

ALREADY = Decision(False, "the model is the champion already")


def run(config: Config) -> Result:
    """Decides, moves the champion if that is the decision, and records it beside the model."""
    evaluation = read_evaluation(config.evaluation)
    _check_belongs(config, evaluation)
    store = open_store(config.store)
    decision, champion = settle(config, evaluation, store)
    record = _described(config, evaluation, decision, champion)
    if decision != ALREADY:
        store.put(f"decisions/{config.model_name}/{evaluation.digest}.json", canonical_json(record))
    config.decision.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(config.decision, canonical_json(record))
    config.summary.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(config.summary, page(record, nothing_new=decision == ALREADY).encode())
    shown = ("promoted", "reason", "metric", "champion_before", "champion_after")
    return Result(
        summary=f"{_verdict(decision)}: {decision.reason}",
        metadata={"summary": {}, "decision": {name: record[name] for name in shown}},
    )


def _verdict(decision: Decision) -> str:
    if decision == ALREADY:
        return "nothing new"
    return "promoted" if decision.promoted else "kept the champion"


def settle(config: Config, evaluation: Evaluation, store: ObjectStore) -> tuple[Decision, Champion | None]:
    """The decision, carried out, and the champion after it."""
    history = champions.history(store, config.model_name)
    champion = history[-1] if history else None
    if champion and champion.digest == evaluation.digest:
        return _own(champion, config), champion
    decision = _obstacle(history, config, evaluation) or decide(evaluation, config)
    if not decision.promoted:
        return decision, champion
    upload_model(store, config.model)
    written = champions.append(store, config.model_name, _record(config, evaluation, decision), champion)
    if written is None:  # another run was first: what it wrote is in the history now
        return settle(config, evaluation, store)
    upload_model(store, config.model)  # again: garbage collection may have come before the record that names it
    return decision, written


def _own(champion: Champion, config: Config) -> Decision:
    """The decision where the model is the champion: perhaps by this very comparison, in a run that was stopped."""
    if champion.kind == champions.PROMOTION and config.champion == champion.previous:
        return Decision(True, champion.reason)
    return ALREADY


def _obstacle(history: Sequence[Champion], config: Config, evaluation: Evaluation) -> Decision | None:
    """Why no metric counts, if something stands in the way."""
    now = history[-1].identity if history else ""
    if now != config.champion:
        compared = f"champion {config.champion}" if config.champion else "no champion"
        return Decision(
            False, f"the evaluation compared with {compared}, but {now or 'none'} is the champion now: run again"
        )
    withdrawal = champions.withdrawn(history, evaluation.digest)
    if withdrawal:
        return Decision(
            False,
            f"record {withdrawal.sequence} took this model out of use ({withdrawal.reason}): "
            "only `evertune models rollback` brings it back",
        )
    return None


def _record(config: Config, evaluation: Evaluation, decision: Decision) -> Champion:
    lineage = evaluation.lineage
    return Champion(
        model_name=config.model_name,
        digest=evaluation.digest,
        kind=champions.PROMOTION,
        reason=decision.reason,
        metrics=evaluation.metrics,
        dataset=str(lineage.get("dataset", "")),
        dataset_revision=str(lineage.get("dataset_revision", "")),
        dataset_digest=str(lineage.get("dataset_digest", "")),
        lineage=lineage,
        time=champions.utc_now(),
    )


def _described(config: Config, evaluation: Evaluation, decision: Decision, champion: Champion | None) -> dict[str, Any]:
    """The decision as it is written: the same for the same inputs, without a clock."""
    after = champion.identity if champion else ""
    return {
        "promoted": decision.promoted,
        "reason": decision.reason,
        "metric": evaluation.metric(config.metric),
        "model_name": config.model_name,
        "digest": evaluation.digest,
        "champion_before": champion.previous if champion and decision.promoted else after,
        "champion_after": after,
        "metrics": evaluation.metrics,
        "lineage": evaluation.lineage,
    }


def _check_belongs(config: Config, evaluation: Evaluation) -> None:
    """Raises UserError unless the evaluation is of this model and of the comparison with this champion."""
    if not config.model.is_dir():
        raise UserError("there is no such directory", where=f"model {config.model}", remedy="run `train` first")
    digest = model_digest(config.model)
    if digest != evaluation.digest:
        raise UserError(
            f"it is of model {evaluation.digest[:16]}, not of {digest[:16]} in {config.model}",
            where=str(config.evaluation),
            remedy="run `evaluate` with this model",
        )
    compared = evaluation.champion.identity if evaluation.champion else ""
    if compared != config.champion:
        raise UserError(
            f"it compares with champion {compared or 'none'}, not with {config.champion or 'none'}",
            where=str(config.evaluation),
            remedy="run `evaluate` with the same --champion",
        )
