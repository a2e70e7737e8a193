"""DVC's way to S3 under faults: short ones are survived, long ones end in time in one line, and a rerun completes."""

from __future__ import annotations

import pytest

from components.fetch.config import Config as FetchConfig
from components.fetch.core import run as fetch
from components.shared import commands, s3_client
from components.shared.errors import RetryError, UserError
from components.shared.registry import revisions
from components.shared.verification import verify
from components.version.core import run as version
from tests.processes import over_when

LINE = "one line at the deadline, exit 75"
OBJECTS = "/dvc/files/"
SHARDS = f"{OBJECTS}md5/../[0-9a-f]{{30}}$"
pytestmark = pytest.mark.usefixtures("quick_add")


@pytest.fixture
def fetch_config(tmp_path, registry):
    def make(**changes):
        values = {"dataset": "reviews", "registry": str(registry), "revision": "reviews/v1", "dataset_digest": ""}
        places = {"data": tmp_path / "out" / "data", "card": tmp_path / "out" / "card"}
        return FetchConfig(**(values | places | changes))

    return make


@pytest.fixture
def soon_over(proxy):
    """Deadlines end a second after the first fault, however slow this machine is until then."""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(commands, "NOTICE_SECONDS", 0.2)
        Deadline = over_when(lambda: proxy.injected, seconds=1)  # noqa: N806 - a class
        patched.setattr("components.version.core.Deadline", Deadline)
        patched.setattr("components.fetch.core.Deadline", Deadline)
        yield patched


@pytest.mark.parametrize("kind", ["500", "503", "reset", "lost answer"])
def test_version_survives_short_faults(version_config, registry, s3, proxy, injected, kind):
    config = version_config(store=s3)
    proxy.inject(kind, times=2, method="PUT", path=OBJECTS)
    assert version(config).parameters["revision"] == "reviews/v1"
    injected(f"version: {kind}, twice, while DVC uploads", proxy.heal(), "survived, every object is whole")
    assert all(one.sound for one in verify(str(registry)))


@pytest.mark.parametrize("kind", ["500", "507", "reset", "black hole"])
def test_version_ends_under_long_faults(version_config, registry, s3, proxy, injected, soon_over, kind):
    proxy.inject(kind, method="PUT", path=OBJECTS)
    with pytest.raises(RetryError, match=r"dvc push: not done after 900 seconds\. Check|dvc push failed: .*Run again$"):
        version(version_config(store=s3))
    assert revisions(str(registry)) == []
    injected(f"version: {kind} without end while DVC uploads", int(proxy.heal() > 0), f"{LINE}, a rerun completes")
    soon_over.undo()
    assert version(version_config(store=s3)).parameters["revision"] == "reviews/v1"
    assert all(one.sound for one in verify(str(registry)))


def test_version_is_refused(version_config, registry, s3, proxy, injected):
    proxy.inject("403", method="PUT", path=OBJECTS)
    with pytest.raises(UserError, match=r"dvc push was refused: .*Check the credentials and their permissions"):
        version(version_config(store=s3))
    assert revisions(str(registry)) == []
    injected("version: 403 while DVC uploads", proxy.heal(), "one line, exit 2, no revision")


def test_a_dead_store_is_found_before_dvc_starts(
    version_config, s3, proxy, injected, fetch_config, without_dvc, monkeypatch
):
    version(version_config(store=s3))
    monkeypatch.setenv(s3_client.SECONDS, "0.5")
    for step, config in ((fetch, fetch_config()), (version, version_config(store=s3))):
        proxy.inject("black hole")
        with pytest.raises(RetryError, match=r"not done after 0.5 seconds\. Check that the store answers"):
            step(config)
        injected("version and fetch: a store that never answers", int(proxy.heal() > 0), LINE)


@pytest.mark.parametrize("kind", ["500", "reset", "partial", "reset in the body"])
def test_fetch_survives_short_faults_or_a_rerun_does(
    version_config, s3, proxy, injected, fetch_config, without_dvc, kind
):
    version(version_config(store=s3))
    proxy.inject(kind, times=1, method="GET", path=SHARDS)
    try:
        fetch(fetch_config())
        outcome = "survived, every byte proven"
    except RetryError:
        assert not fetch_config().data.exists()
        outcome = "one line, exit 75, a rerun completes"
        fetch(fetch_config())
    assert proxy.injected == 1
    injected(f"fetch: {kind}, once, while DVC downloads", proxy.heal(), outcome)


@pytest.mark.parametrize("kind", ["flipped", "trickle"])
def test_fetch_gives_out_nothing_that_is_not_whole(
    version_config, s3, proxy, injected, fetch_config, without_dvc, kind, soon_over, monkeypatch
):
    version(version_config(store=s3))
    monkeypatch.setenv(s3_client.SECONDS, "5")
    config = fetch_config()
    proxy.inject(kind, method="GET", path=SHARDS)
    with pytest.raises((UserError, RetryError), match=r"cannot be had whole|not done after|dvc pull failed"):
        fetch(config)
    assert not config.data.exists()
    assert not config.card.exists()
    injected(f"fetch: {kind} without end while DVC downloads", proxy.heal(), "one line in time, no output")


def test_fetch_is_refused(version_config, s3, proxy, injected, fetch_config, without_dvc):
    version(version_config(store=s3))
    proxy.inject("403", method="GET", path=OBJECTS)
    with pytest.raises(UserError, match=r"refused"):
        fetch(fetch_config())
    injected("fetch: 403 while DVC downloads", proxy.heal(), "one line, exit 2, no output")
