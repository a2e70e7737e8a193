"""Verification and repair: all planted damage is found, and what is healed has the very bytes that were versioned."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from components.shared.dvc_remote import object_key
from components.shared.errors import UserError
from components.shared.objects import ObjectStore, open_store
from components.shared.verification import LIST, Finding, repair, verify
from components.version.config import Config
from components.version.core import run as version

Make = Callable[..., Config]
Damage = Callable[[bytes, random.Random], bytes | None]
quickly = pytest.mark.usefixtures("without_dvc")


def flipped(position: Callable[[int, random.Random], int]) -> Damage:
    def damage(data: bytes, chance: random.Random) -> bytes:
        at = position(len(data), chance)
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]

    return damage


DAMAGES: dict[str, Damage] = {
    "a bit flipped in the first byte": flipped(lambda size, chance: 0),
    "a bit flipped in the last byte": flipped(lambda size, chance: size - 1),
    "a bit flipped anywhere": flipped(lambda size, chance: chance.randrange(size)),
    "an object truncated": lambda data, chance: data[: chance.randrange(1, len(data))],
    "an object emptied": lambda data, chance: b"",
    "an object deleted": lambda data, chance: None,
}


def plant(store: ObjectStore, key: str, data: bytes | None) -> None:
    store.delete(key)
    if data is not None:
        store.put(key, data)


def contents(store: ObjectStore) -> dict[str, bytes | None]:
    return {key: store.get(key) for key in store.keys()}  # noqa: SIM118


def broken(findings: list[Finding]) -> dict[str, str]:
    return {one.name: one.state for one in findings if not one.sound}


def damage_and_heal(config: Config, rounds: int, seed: int, injected: Callable[[str, int, str], None]) -> None:
    """Plants each damage in objects chosen by chance, and heals it from the files that were versioned."""
    store, chance = open_store(f"{config.store}/dvc"), random.Random(seed)
    objects = {one.name: object_key(one.md5) for one in verify(config.registry)}
    before = contents(store)
    for kind, damage in DAMAGES.items():
        for _ in range(rounds):
            name = chance.choice(sorted(objects))
            plant(store, objects[name], damage(before[objects[name]] or b"", chance))
            assert set(broken(list(verify(config.registry)))) == {name}, kind
            found = list(repair(config.registry, None, [str(config.splits)]))
            assert not broken(found)
            assert [one.name for one in found if one.state.startswith("healed")] == [name]
            assert contents(store) == before
        injected(f"dataset in the store: {kind}", rounds, "found by name, healed to the same bytes")


@quickly
def test_damage_in_a_directory_is_found_and_healed(version_config: Make, injected: Callable[..., None]) -> None:
    config = version_config([f"text {number}" for number in range(50)])
    version(config)
    damage_and_heal(config, 12, 3, injected)


def test_damage_in_s3_is_found_and_healed(version_config: Make, s3: str, injected: Callable[..., None]) -> None:
    config = version_config(store=s3)
    version(config)
    damage_and_heal(config, 2, 4, injected)


@quickly
def test_a_lost_list_of_files_is_made_again_from_objects_and_copies(version_config: Make) -> None:
    config = version_config()
    version(config)
    version(version_config(["another"], store=config.store))
    store = open_store(f"{config.store}/dvc")
    before = contents(store)
    found = {one.name: one for one in verify(config.registry, "reviews/v1")}
    store.delete(object_key(found[LIST].md5))
    assert list(broken(list(verify(config.registry)))) == [LIST]
    store.delete(object_key(found["train-00000.parquet"].md5))
    left = broken(list(repair(config.registry, None, [])))
    assert left == {
        "train-00000.parquet": f"missing or damaged: no object has its sha256 "
        f"{found['train-00000.parquet'].sha256[:16]}…; no good copy",
        LIST: f"the list of files ({found[LIST].md5}): missing; it cannot be made again without all files",
    }
    assert not broken(list(repair(config.registry, None, [str(config.splits)])))
    assert contents(store) == before


@quickly
def test_a_copy_that_is_damaged_itself_heals_nothing(version_config: Make, tmp_path: Path) -> None:
    config = version_config()
    version(config)
    store = open_store(f"{config.store}/dvc")
    shard = next(one for one in verify(config.registry) if one.name == "test-00000.parquet")
    plant(store, object_key(shard.md5), b"other")
    damaged = contents(store)
    copy = config.splits / shard.name
    copy.write_bytes(copy.read_bytes()[:-1])
    found = list(repair(config.registry, None, [str(config.splits)]))
    state = f"damaged (object {object_key(shard.md5)} holds 5 other bytes); no good copy"
    assert broken(found) == {shard.name: state}
    assert contents(store) == damaged


@quickly
def test_copies_in_a_cache_and_in_another_store(version_config: Make, tmp_path: Path) -> None:
    config = version_config()
    version(config)
    store = open_store(f"{config.store}/dvc")
    before = contents(store)
    for source, below in (("cache", ""), ("workspace", ".dvc/cache"), ("mirror", "dvc")):
        for key, data in before.items():
            open_store(str(tmp_path / source / below)).put(key, data or b"")
            store.delete(key)
        assert len(broken(list(verify(config.registry)))) == 5
        assert not broken(list(repair(config.registry, None, [str(tmp_path / source)])))
        assert contents(store) == before


@quickly
def test_what_is_not_there_to_verify(version_config: Make, tmp_path: Path, registry: Path) -> None:
    with pytest.raises(UserError, match="no revision yet"):
        list(verify(str(registry)))
    version(version_config())
    with pytest.raises(UserError, match="no revision reviews/v7"):
        list(verify(str(registry), "reviews/v7"))
    with pytest.raises(UserError, match="--from: no such directory"):
        list(repair(str(registry), None, [str(tmp_path / "none")]))


@quickly
def test_refused_credentials_are_no_damage(version_config: Make, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = version_config(store=s3)
    version(config)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(UserError, match="S3 refused the request"):
        list(verify(config.registry))
