"""What the store of checkpoints tells of a training while it runs, after it stopped, and when it is done."""

import json
import time
from pathlib import Path

import pytest

from components.shared.directory_store import DirectoryStore
from components.shared.errors import UserError
from components.train import core, status
from components.train.lease import Lease
from pipelines.__main__ import build_parser
from pipelines.commands import train_status
from tests.processes import wait_for


class Watched(DirectoryStore):
    """Looks at the trainings each time a checkpoint is complete, and stops the training at the third."""

    def __init__(self, root):
        super().__init__(root)
        self.seen = []

    def put(self, key, data):
        super().put(key, data)
        if key.endswith("/complete.json"):
            self.seen += status.trainings(self)
            if len(self.seen) == 3:
                raise KeyboardInterrupt


def test_a_training_is_told_of_while_it_runs_when_it_stopped_and_when_it_is_done(configure, monkeypatch):
    config = configure(checkpoint_steps=2)
    store = Watched(Path(config.checkpoints))
    monkeypatch.setattr(core, "open_store", lambda uri: store)
    with pytest.raises(KeyboardInterrupt):
        core.run(config)
    assert [one.state for one in store.seen] == ["running"] * 3
    assert [one.checkpoint_step for one in store.seen] == [2, 4, 6]
    assert all(one.holder.startswith("process ") for one in store.seen)

    (stopped,) = status.trainings(DirectoryStore(Path(config.checkpoints)))
    assert (stopped.state, stopped.checkpoint_step, stopped.holder) == ("stopped", 6, "")
    assert stopped.facts["total_steps"] == 16
    assert stopped.facts["revision"] == "reviews/v1"
    assert stopped.facts["loss"] > 0

    monkeypatch.undo()
    core.run(config)
    (finished,) = status.trainings(DirectoryStore(Path(config.checkpoints)))
    assert (finished.state, finished.facts["step"]) == ("finished", 16)


def test_the_lease_carries_step_loss_and_rate(tmp_path):
    store = DirectoryStore(tmp_path)
    with Lease(store, "abc", seconds=0.2) as lease:
        lease.facts = {"step": 3, "total_steps": 9, "loss": 0.5, "steps_per_second": 2.0, "seconds_left": 3.0}
        # A second look could come when the renewal is late and the lease over.
        found = wait_for(lambda: next((one for one in status.trainings(store) if one.facts.get("loss")), None))
    assert found.facts == lease.facts
    assert found.checkpoint_step is None


def test_what_is_damaged_or_out_of_date_is_told_as_stopped(tmp_path):
    store = DirectoryStore(tmp_path)
    store.put("one/0000000004/complete.json", b"{broken")
    store.put("two/lease-0000000001", json.dumps({"until": time.time() - 1, "facts": {"step": 7}}).encode())
    assert {one.key: (one.state, one.facts["step"]) for one in status.trainings(store)} == {
        "one": ("stopped", 0),
        "two": ("stopped", 0),
    }


def test_the_command_shows_a_line_or_json_and_says_when_there_is_nothing(configure, capsys, tmp_path, monkeypatch):
    config = configure()
    core.run(config)
    monkeypatch.setattr(train_status, "local_store", offline)
    shown = command(capsys, "--checkpoints", config.checkpoints)
    header, line = shown.splitlines()
    assert header.split()[:4] == ["training", "data", "state", "step"]
    assert line.split()[1:5] == ["reviews/v1", "finished", "16/16", "(100%)"]
    (facts,) = json.loads(command(capsys, "--checkpoints", config.checkpoints, "--output", "json"))
    assert facts["state"] == "finished"
    with pytest.raises(UserError, match="there is no training"):
        command(capsys, "--checkpoints", str(tmp_path / "empty"))


def command(capsys, *flags):
    arguments = build_parser().parse_args(["train-status", *flags])
    arguments.run(arguments)
    return capsys.readouterr().out


class offline:  # noqa: N801 - stands where a function does
    """The command without the object store of this machine, which it does not look at here."""

    def __init__(self, profile):
        self.parameters = {"checkpoints": ""}

    def __enter__(self):
        return None, self.parameters

    def __exit__(self, *error):
        pass


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "3 s"), (240, "4 min"), (7200, "2 h"), (200_000, "2 d"), (-1, "0 s")]
)
def test_spans_of_time_are_short(seconds, text):
    assert train_status.span(seconds) == text
