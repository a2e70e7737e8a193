"""Models, checkpoints and champions on a store that misbehaves: a rerun completes, nothing is doubled or half there."""

from __future__ import annotations

import pytest

from components.shared import champions, models
from components.shared.champions import Champion
from components.shared.errors import RetryError, UserError
from components.shared.files import tree_digest
from components.shared.objects import open_store
from components.train.checkpoints import Checkpoints

FAULTS = ("500", "reset", "partial", "lost answer", "flipped")


@pytest.fixture
def model(tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    for name in ("model.safetensors", "config.json", "README.md"):
        (directory / name).write_text(f"content of {name}" * 50)
    return directory


@pytest.fixture
def record():
    return Champion(
        model_name="reviews",
        digest="d" * 64,
        kind=champions.PROMOTION,
        reason="better",
        metrics={},
        dataset="reviews",
        dataset_revision="reviews/v1",
        dataset_digest="e" * 64,
        lineage={},
        time=champions.utc_now(),
    )


def every_request(proxy, kind, work, check):
    """Does the work with the fault at its first request, at its second one, and so on, until it needs no more."""
    count, position = 0, 0
    while True:
        proxy.inject_at(kind, position)
        try:
            work()
        except RetryError:
            proxy.faults = []
            work()
        happened = proxy.heal()
        check()
        if not happened:
            return count
        count, position = count + happened, position + 1


@pytest.mark.parametrize("kind", FAULTS)
def test_models_come_back_whole(s3, proxy, quick, model, tmp_path, injected, kind):
    store, into = open_store(s3), tmp_path / "again"

    def work():
        models.download_model(store, models.upload_model(store, model), into)

    def check():
        assert tree_digest(into) == tree_digest(model)
        for key in store.keys():  # noqa: SIM118
            store.delete(key)

    count = every_request(proxy, kind, work, check)
    injected(f"models: {kind} at each request of an upload and a download", count, "the same files, verified")


@pytest.mark.parametrize("kind", FAULTS)
def test_a_champion_is_appended_once(s3, proxy, quick, record, injected, kind):
    store, expected = open_store(s3), []

    def work():
        newest = champions.current(store, "reviews")
        if newest is None or newest.sequence == len(expected):
            expected_sequence = len(expected) + 1
            written = champions.append(store, "reviews", record, newest)
            assert written is not None, "nobody else writes"
            assert written.sequence == expected_sequence

    def check():
        expected.append(record)
        assert [one.sequence for one in champions.history(store, "reviews")] == list(range(1, len(expected) + 1))

    count = every_request(proxy, kind, work, check)
    injected(f"champions: {kind} at each request of a promotion", count, "one record, history without a gap")


@pytest.mark.parametrize("kind", FAULTS)
def test_checkpoints_are_whole_or_not_there(s3, proxy, quick, tmp_path, injected, kind):
    store, steps = open_store(s3), iter(range(10, 10_000, 10))
    checkpoints = Checkpoints(store, "k" * 32, 2, {})
    (tmp_path / "state").mkdir()
    current = 0

    def work():
        nonlocal current
        current = next(steps)
        (tmp_path / "state" / "weights").write_text(f"weights of {current}" * 100)
        checkpoints.save(current, tmp_path / "state")
        into = tmp_path / f"loaded-{current}"
        into.mkdir()
        name = checkpoints.load_newest(into)
        assert name == f"{current:010d}"
        assert (into / "weights").read_text() == f"weights of {current}" * 100

    def check():
        assert len(checkpoints.names()) <= 2

    count = every_request(proxy, kind, work, check)
    injected(f"checkpoints: {kind} at each request of a save and a load", count, "the newest one is whole")


def test_a_refusal_changes_nothing(s3, proxy, model, record, injected):
    store = open_store(s3)
    before = store.keys()
    proxy.inject("403", method="PUT")
    with pytest.raises(UserError, match="S3 refused the request"):
        models.upload_model(store, model)
    with pytest.raises(UserError, match="S3 refused the request"):
        champions.append(store, "reviews", record, None)
    injected("models and champions: 403 on writing", proxy.heal(), "one line, exit 2, nothing written")
    assert store.keys() == before
