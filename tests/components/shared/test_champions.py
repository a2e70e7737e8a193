"""Champions: an append-only history in which of two writers exactly one wins."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.shared import champions
from components.shared.champions import PROMOTION, Champion
from components.shared.errors import UserError
from components.shared.models import upload_model
from components.shared.objects import ObjectStore, open_store

Model = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


def record(digest: str, reason: str = "better") -> Champion:
    return Champion(
        model_name="reviews",
        digest=digest,
        kind=PROMOTION,
        reason=reason,
        metrics={"accuracy": 0.8},
        dataset="reviews",
        dataset_revision="reviews/v1",
        dataset_digest="ab",
        lineage={"packages": {"torch": "2"}},
        time="2020-01-01T00:00:00+00:00",
    )


def promoted(store: ObjectStore, *digests: str) -> None:
    for digest in digests:
        assert champions.append(store, "reviews", record(digest), champions.current(store, "reviews"))


def test_there_is_no_champion_at_first(store: ObjectStore) -> None:
    assert champions.current(store, "reviews") is None
    assert champions.history(store, "reviews") == []


def test_records_come_back_in_their_order(store: ObjectStore) -> None:
    promoted(store, "a" * 64, "b" * 64)
    first, second = champions.history(store, "reviews")
    assert champions.current(store, "reviews") == second
    assert (first.identity, second.identity) == ("000001-" + "a" * 16, "000002-" + "b" * 16)
    assert (first.previous, second.previous) == ("", first.identity)
    assert champions.at(store, "reviews", first.identity) == first
    assert first.lineage == {"packages": {"torch": "2"}}


def test_of_eight_writers_one_wins(store: ObjectStore) -> None:
    promoted(store, "a")
    before = champions.current(store, "reviews")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda i: champions.append(store, "reviews", record(f"{i}"), before), range(8)))
    winners = [one for one in won if one is not None]
    assert [champions.current(store, "reviews")] == winners
    assert len(champions.history(store, "reviews")) == 2


def test_lines_of_models_do_not_mix(folder: ObjectStore) -> None:
    promoted(folder, "a")
    assert champions.append(folder, "reviews2", record("b"), None)
    assert [one.digest for one in champions.history(folder, "reviews")] == ["a"]


@pytest.mark.parametrize("identity", ["", "000001", "000001-b", "000002-a", "1-a", "x-a"])
def test_an_identity_of_no_record(folder: ObjectStore, identity: str) -> None:
    promoted(folder, "a")
    with pytest.raises(UserError, match=r"no .*champion"):
        champions.at(folder, "reviews", identity)


@pytest.mark.parametrize("name", ["a/b", "../a", ".a", "a b", "a..b"])
def test_names_that_are_no_part_of_a_key(folder: ObjectStore, name: str) -> None:
    with pytest.raises(UserError, match=r"model_name: .* is not a name"):
        champions.current(folder, name)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"digest": "a"}', b"\xff"])
def test_a_damaged_record_is_named(folder: ObjectStore, data: bytes) -> None:
    folder.put("champions/reviews/000001.json", data)
    with pytest.raises(UserError, match=r"000001\.json: unreadable record"):
        champions.current(folder, "reviews")


def test_a_gap_in_the_history_is_noticed(folder: ObjectStore) -> None:
    promoted(folder, "a", "b")
    folder.delete("champions/reviews/000001.json")
    with pytest.raises(UserError, match=r"000001\.json is missing"):
        champions.current(folder, "reviews")


def test_rollback_brings_the_earlier_model_back(store: ObjectStore, model: Model) -> None:
    first, second = (upload_model(store, model(name)) for name in ("first", "second"))
    promoted(store, first, second)
    back = champions.rollback(store, "reviews", None, "it insults people")
    assert champions.current(store, "reviews") == back
    assert (back.sequence, back.digest, back.kind) == (3, first, "rollback")
    assert back.reason == "back to record 1: it insults people"
    assert champions.rollback(store, "reviews", 2, "it does not").digest == second


def test_rollback_to_what_is_not_there(folder: ObjectStore, model: Model) -> None:
    with pytest.raises(UserError, match="no earlier model to go back to"):
        champions.rollback(folder, "reviews", None, "why")
    promoted(folder, upload_model(folder, model("first")))
    with pytest.raises(UserError, match="no earlier model to go back to"):
        champions.rollback(folder, "reviews", None, "why")
    with pytest.raises(UserError, match="no record 7 to go back to"):
        champions.rollback(folder, "reviews", 7, "why")
    with pytest.raises(UserError, match="record 1 is the champion already"):
        champions.rollback(folder, "reviews", 1, "why")


def test_rollback_to_a_model_whose_files_are_gone(folder: ObjectStore) -> None:
    promoted(folder, "gone", "here")
    with pytest.raises(UserError, match="not complete in the store"):
        champions.rollback(folder, "reviews", None, "why")
    assert len(champions.history(folder, "reviews")) == 2


def test_a_model_is_withdrawn_until_a_person_brings_it_back(folder: ObjectStore, model: Model) -> None:
    first, second = (upload_model(folder, model(name)) for name in ("first", "second"))
    promoted(folder, first, second)
    back = champions.rollback(folder, "reviews", None, "bad")
    records = champions.history(folder, "reviews")
    assert champions.withdrawn(records, second) == back
    assert champions.withdrawn(records, first) is None
    champions.rollback(folder, "reviews", 2, "good after all")
    promoted(folder, "third")
    assert champions.withdrawn(champions.history(folder, "reviews"), second) is None
