"""Schedules are applied so that no tick is lost or doubled, whatever fails."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from components.shared.errors import EvertuneError, RetryError
from pipelines.__main__ import main
from pipelines.cluster import apply, lock
from pipelines.cluster import connection as connections
from pipelines.cluster.connection import connect
from pipelines.cluster.owned import owned, wanted_of
from pipelines.cluster.plan import plan
from pipelines.cluster.schedules import Schedule
from pipelines.cluster.uploads import Version
from tests.pipelines.cluster.kubeflow import FAULTS

WEEKLY = Schedule(name="weekly", pipeline="retrain", cron="*/10 * * * *")


def line_of(action, kind):
    with pytest.raises(kind) as error:
        action()
    assert "\n" not in error.value.line
    return error.value.line


FILE = """
schedules:
  weekly:
    pipeline: prepare_data
    cron: 0 3 * * MON
    parameters: {registry: https://git.example/r.git}
"""


class Cluster:
    """Applies schedules to the server, whose clock goes on with every call."""

    def __init__(self, kubeflow, seconds=0):
        self.kubeflow, self.said = kubeflow, []
        self.connection = connect()
        kubeflow.pipelines["p"] = {"pipeline_id": "p", "display_name": "retrain"}
        kubeflow.versions["v"] = {"pipeline_version_id": "v", "pipeline_id": "p", "display_name": "retrain-1"}
        if seconds:
            kubeflow.after = lambda _: kubeflow.advance(seconds)

    def __call__(self, *wanted, owner="evertune", **parameters):
        """One `apply` of these schedules."""
        with lock.locked(self.connection, owner) as held:
            applier = apply.Applier(
                self.connection, held, lambda name: Version("retrain", name, "p", "v"), self.said.append, self.sleep
            )
            now = self.connection.now()
            meant = {
                one.name: (wanted_of(one, owner, "retrain-1", dict(one.parameters), now), one.enabled) for one in wanted
            }
            changes = plan(meant, owned(self.connection, owner))
            for change in changes:
                applier.apply(change)
        return [change.kind for change in changes]

    def sleep(self, seconds):
        with self.kubeflow.lock:
            self.kubeflow.advance(seconds)

    def recurring(self):
        return [(one["display_name"], one["mode"]) for one in self.kubeflow.recurring.values()]


def changed(schedule=WEEKLY, **values):
    return Schedule(**{**vars(schedule), **values})


def test_apply_twice_changes_nothing_the_second_time(kubeflow):
    cluster = Cluster(kubeflow)
    assert cluster(WEEKLY) == ["create"]
    before = kubeflow.called("POST|DELETE")
    assert cluster(WEEKLY) == ["unchanged"]
    assert kubeflow.called("POST|DELETE") == before + 2, "the lock, taken and given back"
    assert cluster.recurring() == [("weekly", "ENABLE")]
    (one,) = kubeflow.recurring.values()
    assert (one["max_concurrency"], one["no_catchup"]) == ("1", True)


def test_a_changed_schedule_takes_the_place_of_the_old_one(kubeflow):
    cluster = Cluster(kubeflow)
    cluster(WEEKLY)
    assert cluster(changed(parameters={"source": "s3://b/k"})) == ["replace"]
    assert cluster.recurring() == [("weekly", "ENABLE")]
    (one,) = kubeflow.recurring.values()
    assert one["runtime_config"]["parameters"] == {"source": "s3://b/k"}


def test_a_run_that_goes_on_outlives_the_change_of_its_schedule(kubeflow):
    cluster = Cluster(kubeflow)
    cluster(WEEKLY)
    cluster.sleep(700)
    (run,) = kubeflow.runs.values()
    run["state"] = "RUNNING"
    cluster(changed(concurrency=2))
    assert run["state"] == "RUNNING"
    assert sorted(cluster.recurring()) == [("weekly", "DISABLE"), ("weekly", "ENABLE")]
    run["state"] = "SUCCEEDED"
    assert cluster(changed(concurrency=2)) == ["clean up"]
    assert cluster.recurring() == [("weekly", "ENABLE")]


def test_what_is_not_ours_is_left_alone(kubeflow):
    cluster = Cluster(kubeflow)
    cluster(WEEKLY, owner="another")
    kubeflow.recurring["theirs"] = {
        **next(iter(kubeflow.recurring.values())),
        "recurring_run_id": "theirs",
        "description": "made by hand",
    }
    kubeflow.recurring["copy"] = {
        **next(iter(kubeflow.recurring.values())),
        "recurring_run_id": "copy",
        "display_name": "Clone of weekly",
    }
    before = json.dumps(kubeflow.recurring)
    assert cluster(changed(name="ours")) == ["create"]
    assert cluster() == ["delete"]
    assert json.dumps(kubeflow.recurring) == before
    assert cluster(owner="another") == ["delete"]
    assert set(kubeflow.recurring) == {"theirs", "copy"}


def test_a_paused_schedule_makes_up_for_nothing_unless_asked(kubeflow):
    cluster = Cluster(kubeflow)
    cluster(changed(enabled=False))
    cluster.sleep(3600)
    assert cluster(WEEKLY) == ["resume"]
    cluster.sleep(60)
    assert kubeflow.ticks() == []
    cluster.sleep(600)
    assert len(kubeflow.ticks()) == 1
    assert cluster(changed(enabled=False)) == ["pause"]
    assert cluster.recurring() == [("weekly", "DISABLE")]


def every_tick(kubeflow, first, minutes=10):
    """The ticks that there ought to be since `first`."""
    moment, due = first, []
    while moment <= kubeflow.now:
        due.append(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
        moment += timedelta(minutes=minutes)
    return due


@pytest.mark.parametrize("phase", [480, 600])
@pytest.mark.parametrize("call", range(0, 26, 3))
@pytest.mark.parametrize("how", ["drop", "lost"])
def test_no_tick_is_lost_or_doubled_by_an_apply_that_is_cut_off(kubeflow, monkeypatch, phase, call, how, injected):
    monkeypatch.setattr(connections, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(connections, "ATTEMPTS", 1)
    cluster = Cluster(kubeflow, seconds=3)
    cluster(WEEKLY)
    cluster.sleep(phase)
    calls = len(kubeflow.calls)
    kubeflow.after = lambda _: (
        kubeflow.advance(3),
        len(kubeflow.calls) == calls + call and kubeflow.fail("", how),
    )
    new = changed(parameters={"source": "s3://b/k"})
    for _ in range(4):  # the lock of one that was cut off is taken over when its lease is over
        try:
            cluster(new)
        except EvertuneError:
            cluster.sleep(lock.LEASE)
        else:
            break
    cluster.sleep(1800)
    assert kubeflow.ticks() == every_tick(kubeflow, datetime(2026, 11, 22, 12, 10, tzinfo=UTC))
    assert [one for one in cluster.recurring() if one[1] == "ENABLE"] == [("weekly", "ENABLE")]
    injected(f"Kubeflow: {FAULTS[how]} at any call of an apply", 1, "the next apply completes, each tick once")


def test_two_at_once_never_make_two(kubeflow, injected):
    clusters, ended = [Cluster(kubeflow) for _ in range(4)], []

    def run(cluster):
        try:
            ended.append(cluster(WEEKLY)[0])
        except RetryError as error:
            ended.append(error.line)

    threads = [threading.Thread(target=run, args=(cluster,)) for cluster in clusters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clusters[0].recurring() == [("weekly", "ENABLE")]
    assert ended.count("create") == 1
    assert all(one in ("create", "unchanged") or "another `evertune schedule` is at work" in one for one in ended)
    injected("Kubeflow: four apply at once", 1, "one recurring run")


@pytest.mark.parametrize("how", [500, "drop", "lost"])
def test_a_lock_whose_answer_fails_is_taken_all_the_same(kubeflow, monkeypatch, how, injected):
    monkeypatch.setattr(connections, "FIRST_PAUSE", 0.0)
    cluster = Cluster(kubeflow)
    kubeflow.fail("POST .*/experiments$", how)
    assert cluster(WEEKLY) == ["create"]
    assert [one["display_name"] for one in kubeflow.experiments.values()] == ["evertune"]
    injected(f"Kubeflow: {FAULTS[how]} at the lock of an apply", 1, "the apply goes on, and no lock is left")


def test_the_lock_of_one_that_died_is_taken_over_once(kubeflow, injected):
    cluster = Cluster(kubeflow)
    kubeflow.experiments["dead"] = {
        "experiment_id": "dead",
        "display_name": "evertune-schedules-evertune-lock",
        "created_at": "2026-11-22T12:00:00Z",
    }
    assert "another `evertune schedule` is at work" in line_of(lambda: cluster(WEEKLY), RetryError)
    cluster.sleep(lock.LEASE)
    with lock.locked(cluster.connection, "evertune") as held:
        assert "at work" in line_of(lambda: cluster(WEEKLY), RetryError)
        cluster.sleep(lock.LEASE)
        assert "it takes too long" in line_of(held.check, RetryError)
    assert list(kubeflow.experiments) == []
    injected("Kubeflow: the lock of an apply that died", 1, "taken over after its lease, by one")


def test_the_command_shows_applies_and_then_finds_nothing_new(kubeflow, tmp_path, capsys):
    path = tmp_path / "schedules.yaml"
    path.write_text(FILE)
    words = ["--file", str(path), "--allow-tags"]
    with pytest.raises(SystemExit) as end:
        main(["schedule", "diff", *words])
    assert end.value.code == 1
    assert "weekly    create" in capsys.readouterr().out
    kubeflow.fail("POST .*/pipelines$", 403)
    with pytest.raises(SystemExit):
        main(["schedule", "apply", *words])
    assert capsys.readouterr().err.startswith("schedule  change"), "the plan is shown before anything is changed"
    main(["schedule", "apply", *words])
    assert capsys.readouterr().out == "1 of 1 schedules changed\n"
    main(["schedule", "apply", *words])
    assert capsys.readouterr().out == "nothing new\n"
    assert kubeflow.called("upload_version") == 1
    kubeflow.versions.clear()
    main(["schedule", "apply", *words])
    assert "replace  Kubeflow no longer has prepare-data-" in capsys.readouterr().err
    (one,) = kubeflow.recurring.values()
    assert one["pipeline_version_reference"]["pipeline_version_id"] in kubeflow.versions
    kubeflow.versions.clear()
    path.write_text(FILE + "    new_version: keep\n")
    with pytest.raises(SystemExit):
        main(["schedule", "apply", *words])
    assert "schedules.weekly: the version prepare-data-" in capsys.readouterr().err
    main(["schedule", "pause", "weekly"])
    main(["schedule", "list", "--output", "json"])
    out = capsys.readouterr().out
    assert json.loads(out[out.index("[") :])[0]["state"] == "off"
    main(["schedule", "delete", "weekly"])
    assert kubeflow.recurring == {}
    with pytest.raises(SystemExit) as end:
        main(["schedule", "pause", "weekly"])
    assert "evertune has no schedule 'weekly'" in capsys.readouterr().err
