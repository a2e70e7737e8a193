"""Declared schedules: what a file and its cron expressions may say, checked before any call."""

from datetime import UTC, datetime

import pytest

from components.shared.errors import UserError
from pipelines.cluster import cron, schedules
from pipelines.cluster.owned import wanted_of
from pipelines.cluster.schedules import Schedule
from pipelines.commands.upload import NAMES


def line_of(action):
    with pytest.raises(UserError) as error:
        action()
    assert "\n" not in error.value.line
    return error.value.line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0 3 * *", "'0 3 * *' is not a cron expression. Give five fields"),
        ("61 3 * * *", "'61' is not a minute. Give 0 to 59"),
        ("0 24 * * *", "'24' is not a hour"),
        ("0 3 * * FUN", "'FUN' is not a day of week"),
        ("0 3 30 2 *", "'0 3 30 2 *' never happens"),
        ("* * * * *", "'* * * * *' ticks more often than every 5 minutes"),
        ("0-2/1 3 * * *", "ticks more often than every 5 minutes"),
        ("5-1 3 * * *", "'5-1' is not a minute"),
        ("0 3/0 * * *", "'3/0' is not a hour"),
        ("0 3- * * *", "'3-' is not a hour"),
        ("0 3/1_0 * * *", "'3/1_0' is not a hour"),
        ("0 ٣ * * *", "is not a hour"),
    ],
)
def test_a_wrong_cron_is_told(text, line):
    assert line in line_of(lambda: cron.parse(text, "schedules.weekly.cron"))


@pytest.mark.parametrize(
    ("text", "zone", "kubeflow"),
    [
        ("0 3 * * MON", "UTC", "0 0 3 * * 1"),
        ("0 3 * * MON", "Europe/Berlin", "0 0 2 * * 1"),
        ("30 0 * * MON-WED", "Europe/Berlin", "0 30 23 * * 0,1,2"),
        ("0 3 1 * *", "Europe/Berlin", "0 0 2 1 * *"),
        ("15 8,20 * 1,7 *", "America/New_York", None),
        ("0 6 * * *", "Asia/Kolkata", "0 30 0 * * *"),
        ("0 */6 * * *", "Europe/Berlin", "0 0 5,11,17,23 * * *"),
        ("0 20 * * SAT", "America/New_York", "0 0 1 * * 0"),
    ],
)
def test_a_cron_is_moved_to_the_time_zone_of_kubeflow(text, zone, kubeflow):
    schedule = Schedule(name="s", pipeline="retrain", cron=text, time_zone=zone)
    winter = datetime(2026, 11, 22, tzinfo=UTC)
    if kubeflow is None:
        assert "UTC" in line_of(lambda: wanted_of(schedule, "o", "v", {}, winter))
    else:
        assert wanted_of(schedule, "o", "v", {}, winter).cron == kubeflow


@pytest.mark.parametrize(("text", "zone"), [("0 0 1 * *", "Europe/Berlin"), ("0,50 5 * * *", "Asia/Kathmandu")])
def test_ticks_that_no_expression_in_utc_has_are_refused(text, zone):
    schedule = Schedule(name="s", pipeline="retrain", cron=text, time_zone=zone)
    moved = lambda: wanted_of(schedule, "o", "v", {}, datetime(2026, 11, 22, tzinfo=UTC))  # noqa: E731
    assert "UTC" in line_of(moved)


def test_summer_time_changes_what_kubeflow_is_told():
    schedule = Schedule(name="s", pipeline="retrain", cron="0 3 * * *", time_zone="Europe/Berlin")
    winter, summer = (wanted_of(schedule, "o", "v", {}, datetime(2027, month, 1, tzinfo=UTC)) for month in (1, 7))
    assert (winter.cron, summer.cron) == ("0 0 2 * * *", "0 0 1 * * *")


FILE = """
schedules:
  weekly:
    pipeline: retrain
    cron: 0 3 * * MON
"""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("pipeline: retrain", "pipelin: retrain", "unknown key 'pipelin'. Did you mean pipeline?"),
        ("pipeline: retrain", "pipeline: retrian", "schedules.weekly.pipeline: 'retrian' is wrong. Use one of"),
        ("cron: 0 3 * * MON", "cron: 0 3 * *", "schedules.weekly.cron: '0 3 * *' is not a cron expression"),
        ("cron: 0 3 * * MON", "cron: 3", "schedules.weekly.cron: 3 is not a cron expression"),
        ("    cron: 0 3 * * MON", "", "cron is missing"),
        ("cron: 0 3 * * MON", "cron: 0 3 * * MON\n    time_zone: Berlin", "'Berlin' is not a time zone"),
        ("cron: 0 3 * * MON", "cron: 0 3 * * MON\n    enabled: 'yes'", "weekly.enabled: 'yes' is wrong"),
        ("cron: 0 3 * * MON", "cron: 0 3 * * MON\n    concurrency: 0", "weekly.concurrency: 0 is wrong"),
        ("cron: 0 3 * * MON", "cron: 0 3 * * MON\n    parameters: [1]", "weekly.parameters: [1] is wrong"),
        ("weekly:", "Weekly run:", "'Weekly run' is not a name"),
        ("schedules:", "schedule:", "has no mapping `schedules`"),
        ("schedules:", "owner: ''\nschedules:", "owner: '' is not a name"),
        ("retrain", "[retrain", "cannot be read"),
        ("    pipeline: retrain", "    cron: 0 4 * * *\n    pipeline: retrain", "'cron' stands twice"),
        ("  weekly:", "  weekly: {}\n  weekly:", "'weekly' stands twice"),
        ("cron: 0 3 * * MON", "cron: 0 3 * * MON\n    experiment: ''", "weekly.experiment: '' is not a name"),
        ("cron: 0 3 * * MON", "cron: 0 3 * * MON\n    service_account: A b", "service_account: 'A b' is not a name"),
    ],
)
def test_a_wrong_file_is_told_before_any_call(tmp_path, old, new, line):
    path = tmp_path / "schedules.yaml"
    assert old in FILE
    path.write_text(FILE.replace(old, new))
    assert line in line_of(lambda: schedules.load(path, NAMES))


def test_a_file_in_another_encoding_is_told(tmp_path):
    path = tmp_path / "schedules.yaml"
    path.write_bytes(FILE.encode("utf-16"))
    assert "cannot be read" in line_of(lambda: schedules.load(path, NAMES))
