"""Promotion against a store: the record, the races, the kills, the refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from components.promote.config import Config
from components.promote.core import run, settle
from components.promote.evaluation import read_evaluation
from components.shared import champions
from components.shared.directory_store import DirectoryStore
from components.shared.errors import UserError
from components.shared.models import download_model, files_of_model, model_digest
from components.shared.objects import ObjectStore, open_store

Make = Callable[..., Config]


def ran(config: Config) -> dict[str, Any]:
    run(config)
    decision: dict[str, Any] = json.loads(config.decision.read_bytes())
    return decision


def stored(config: Config) -> bytes | None:
    return open_store(config.store).get(f"decisions/reviews/{model_digest(config.model)}.json")


def history(config: Config) -> list[champions.Champion]:
    return champions.history(open_store(config.store), "reviews")


@pytest.fixture(params=["s3", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("s3") if request.param == "s3" else str(tmp_path / "store")


def test_the_first_model_becomes_the_champion(make: Make, store: str) -> None:
    config = make("first", store=store)
    decision = ran(config)
    (record,) = history(config)
    assert decision["promoted"] is True
    assert (decision["champion_before"], decision["champion_after"]) == ("", record.identity)
    assert decision["lineage"] == record.lineage
    assert (record.dataset_revision, record.reason) == ("reviews/v1", decision["reason"])
    assert set(files_of_model(open_store(store), record.digest)) == {"model.safetensors", "README.md"}
    assert stored(config) == config.decision.read_bytes()


def test_a_better_challenger_takes_its_place(make: Make) -> None:
    first = ran(make("first"))["champion_after"]
    config = make("second", first)
    result = run(config)
    assert [record.identity for record in history(config)] == [first, history(config)[1].identity]
    assert history(config)[1].previous == first
    shown = result.metadata["decision"]
    assert (shown["promoted"], shown["champion_before"]) == (True, first)
    assert result.summary.startswith("promoted: accuracy 0.820 is not worse")


def test_a_worse_challenger_is_refused_with_the_reason(make: Make) -> None:
    first = ran(make("first"))["champion_after"]
    config = make("second", first, wins=20, losses=60)
    decision = ran(config)
    assert decision["promoted"] is False
    assert decision["reason"].startswith(f"accuracy 0.760 is worse than the 0.800 of champion {first}")
    assert (decision["champion_before"], decision["champion_after"]) == (first, first)
    assert stored(config) == config.decision.read_bytes()
    assert len(history(config)) == 1
    with pytest.raises(UserError, match="not complete in the store"):
        files_of_model(open_store(config.store), decision["digest"])


def test_the_champion_stays_when_it_is_the_challenger(make: Make) -> None:
    config = make("first")
    first = ran(config)["champion_after"]
    before = stored(config)
    again = make("first", first, wins=0, losses=0)
    decision = ran(again)
    assert (decision["promoted"], decision["reason"]) == (False, "the model is the champion already")
    assert (decision["champion_before"], decision["champion_after"]) == (first, first)
    assert stored(again) == before
    assert len(history(again)) == 1


def test_a_champion_that_moved_meanwhile(make: Make) -> None:
    first = ran(make("first"))["champion_after"]
    second = ran(make("second", first))["champion_after"]
    decision = ran(make("late", first))
    assert decision["promoted"] is False
    assert decision["reason"] == (
        f"the evaluation compared with champion {first}, but {second} is the champion now: run again"
    )
    assert "compared with no champion, but 000002" in ran(make("later still"))["reason"]


def test_of_racing_promotions_one_wins(make: Make, store: str) -> None:
    first = ran(make("first", store=store))["champion_after"]
    configs = [make(f"challenger {number}", first, store=store) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        decisions = list(pool.map(ran, configs))
    winner, *_ = won = [decision for decision in decisions if decision["promoted"]]
    assert len(won) == 1
    assert [record.digest for record in history(configs[0])[1:]] == [winner["digest"]]
    lost = {decision["reason"] for decision in decisions if not decision["promoted"]}
    assert lost == {
        f"the evaluation compared with champion {first}, but {winner['champion_after']} is the champion now: run again"
    }


def test_a_model_that_is_collected_before_its_record_is_uploaded_again(make: Make, tmp_path: Path) -> None:
    class Collecting(DirectoryStore):
        def put_new(self, key: str, data: bytes) -> bool:
            if key.startswith("champions/"):
                for name in self.keys("models/"):
                    self.delete(name)
            return super().put_new(key, data)

    config, store = make("first"), Collecting(tmp_path / "collecting")
    _, champion = settle(config, read_evaluation(config.evaluation), store)
    assert champion is not None
    download_model(store, champion.digest, tmp_path / "whole")
    assert model_digest(tmp_path / "whole") == champion.digest


def test_the_same_inputs_give_the_same_bytes(make: Make, tmp_path: Path) -> None:
    one = make("first", store=str(tmp_path / "one"))
    other = make("first", store=str(tmp_path / "other"))
    ran(one)
    ran(other)
    assert one.decision.read_bytes() == other.decision.read_bytes()


def test_what_a_person_rolled_back_is_not_promoted_again(make: Make) -> None:
    first = ran(make("first"))["champion_after"]
    config = make("second", first)
    ran(config)
    store: ObjectStore = open_store(config.store)
    back = champions.rollback(store, "reviews", None, "it insults people")
    decision = ran(make("second", back.identity))
    assert decision["promoted"] is False
    assert decision["reason"].startswith(
        "record 3 took this model out of use (back to record 1: it insults people): only"
    )
    assert ran(make("third", back.identity))["promoted"] is True


def test_an_evaluation_of_another_model(make: Make) -> None:
    config, other = make("first"), make("other")
    with pytest.raises(UserError, match=r"it is of model [0-9a-f]{16}, not of .*Run `evaluate` with this model"):
        run(Config(**{**vars(config), "evaluation": other.evaluation}))


def test_an_evaluation_against_another_champion(make: Make) -> None:
    with pytest.raises(UserError, match=r"compares with champion 000001-a, not with none\. Run `evaluate`"):
        run(Config(**{**vars(make("first", "000001-a")), "champion": ""}))


def test_no_model(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"model .*none: there is no such directory\. Run `train`"):
        run(make("first", model=tmp_path / "none"))
