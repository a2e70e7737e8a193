"""Many writers on one registry, and writers that die: nothing is lost, doubled or in the way.

The rounds here replace `dvc add` and `dvc push` by the same writes of our own, for a process of DVC takes a
second. EVERTUNE_SOAK=1 runs 8 writers for 25 rounds each with DVC itself (see the figures in docs/reference).
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from components.shared.errors import RetryError
from components.shared.registry import revisions
from components.shared.verification import verify
from components.version import locks, publishing
from components.version.config import Config
from components.version.core import run

Make = Callable[..., Config]
Injected = Callable[[str, int, str], None]
SOAK = os.environ.get("EVERTUNE_SOAK") == "1"
WRITERS, ROUNDS = 8, 25 if SOAK else 4


def git(*arguments: str, cwd: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


def whole(registry: Path) -> int:
    """Number of objects of all revisions, each of which is whole."""
    found = list(verify(str(registry)))
    assert [one for one in found if not one.sound] == []
    return len(found)


def assert_linear(registry: Path, expected: dict[str, str]) -> None:
    """The registry has exactly these revisions with these digests, one commit for each, in a line."""
    known = revisions(str(registry), "reviews")
    assert {one.revision: one.digest for one in known} == expected
    assert [one.number for one in known] == list(range(1, len(expected) + 1))
    assert len({one.digest for one in known}) == len(known), "a content has two revisions"
    commits = git("rev-list", "--reverse", "main", cwd=registry).split()
    assert git("rev-list", "--merges", "main", cwd=registry) == ""
    tagged = [git("rev-parse", f"{one.revision}^{{commit}}", cwd=registry).strip() for one in known]
    assert tagged == commits


@pytest.mark.slow
def test_eight_writers_lose_and_double_nothing(
    version_config: Make, registry: Path, s3: str, request: pytest.FixtureRequest, injected: Injected
) -> None:
    if not SOAK:
        request.getfixturevalue("without_dvc")
    shared = [version_config([f"common {number}"], store=s3) for number in range(ROUNDS)]

    def write(writer: int) -> dict[str, str]:
        made = {}
        for number in range(ROUNDS):
            # Every fourth content is that of all writers; the others are their own.
            config = shared[number] if number % 4 == 3 else version_config([f"{writer} {number}"], store=s3)
            given = run(config).parameters
            made[given["revision"]] = given["dataset_digest"]
        return made

    with ThreadPoolExecutor(WRITERS) as pool:
        made = list(pool.map(write, range(WRITERS)))
    expected = {revision: digest for one in made for revision, digest in one.items()}
    common = sum(number % 4 == 3 for number in range(ROUNDS))
    assert len(expected) == WRITERS * (ROUNDS - common) + common
    assert_linear(registry, expected)
    assert whole(registry) == 5 * len(expected)
    injected("registry: eight writers at once", WRITERS * ROUNDS, "linear history, no revision lost or doubled")


def test_writers_that_die_before_the_push_leave_nothing_to_trip_over(
    version_config: Make,
    registry: Path,
    without_dvc: None,
    injected: Injected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance, deaths, alive, texts = random.Random(5), 0, publishing._push, count()
    expected = {}

    def maybe_die(*arguments: object) -> str:
        nonlocal deaths
        if chance.random() < 0.7:
            deaths += 1
            raise KeyboardInterrupt
        return alive(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "_push", maybe_die)
    config = version_config([f"text {next(texts)}"])
    while deaths < 20:
        try:
            given = run(config).parameters
        except KeyboardInterrupt:
            assert {one.revision: one.digest for one in revisions(str(registry))} == expected
            if chance.random() < 0.5:
                continue  # the same data again; otherwise nobody comes back for what was uploaded
        else:
            expected[given["revision"]] = given["dataset_digest"]
        config = version_config([f"text {next(texts)}"])
    assert_linear(registry, expected)
    whole(registry)
    injected("version: death between `dvc push` and `git push`", deaths, "no reader sees it, a rerun completes")


def lock(registry: Path, name: str, age: float) -> Path:
    path = registry / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_old_locks_without_an_owner_are_removed(
    version_config: Make, registry: Path, without_dvc: None, injected: Injected
) -> None:
    names = ["refs/heads/main.lock", "refs/tags/reviews/v2.lock", "HEAD.lock", "packed-refs.lock"]
    for number, name in enumerate(names):
        made = lock(registry, name, age=locks.STALE_SECONDS + 1)
        assert run(version_config([f"text {number}"])).parameters["revision"] == f"reviews/v{number + 1}"
        assert not made.exists() or not name.startswith("refs")
    injected("registry: lock left by a killed writer", len(names), "removed when it is old and has no owner")


def test_a_fresh_lock_is_waited_for_until_it_is_old(
    version_config: Make, registry: Path, without_dvc: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "STALE_SECONDS", 0.5)
    made = lock(registry, "refs/heads/main.lock", age=0)
    assert run(version_config()).parameters["revision"] == "reviews/v1"
    assert not made.exists()


def test_a_lock_that_outlives_the_deadline_is_named(
    version_config: Make, registry: Path, without_dvc: None, monkeypatch: pytest.MonkeyPatch, injected: Injected
) -> None:
    monkeypatch.setattr(locks, "STALE_SECONDS", 1e6)
    made = lock(registry, "refs/heads/main.lock", age=0)
    with pytest.raises(RetryError, match=rf"the lock {made} stays\. .*remove this file; then run again"):
        run(version_config())
    assert made.exists()
    injected("registry: fresh lock of an unknown owner", 1, "named with the remedy, exit 75")


def test_a_lock_with_a_living_owner_stays(
    version_config: Make, registry: Path, without_dvc: None, monkeypatch: pytest.MonkeyPatch, injected: Injected
) -> None:
    monkeypatch.setattr(publishing, "LOCKED_ATTEMPTS", 3)
    made = lock(registry, "refs/heads/main.lock", age=1000)
    with subprocess.Popen(["sleep", "3600"], cwd=registry) as owner:
        try:
            with pytest.raises(RetryError, match="stays"):
                run(version_config())
            assert made.exists()
        finally:
            owner.kill()
    assert run(version_config()).parameters["revision"] == "reviews/v1"
    injected("registry: old lock of a living owner", 1, "not touched, exit 75; removed when he is gone")


def test_a_lock_on_another_machine_is_named() -> None:
    reason = "error: cannot lock ref: Unable to create '/srv/registry.git/refs/heads/main.lock': File exists."
    with pytest.raises(RetryError, match=r"the lock /srv/registry.git/refs/heads/main.lock stays"):
        publishing._give_up_on_a_lock([reason] * publishing.LOCKED_ATTEMPTS, "https://example.org/registry.git")
    publishing._give_up_on_a_lock([reason, "fetch first"] * 4, "https://example.org/registry.git")
