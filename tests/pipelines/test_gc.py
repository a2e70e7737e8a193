"""Garbage collection: what a revision, a champion or a running training names stays; the rest goes on request."""

import json
import os
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from components.shared import champions, dvc_remote, garbage
from components.shared.champions import Champion
from components.shared.errors import UserError
from components.shared.models import upload_model
from components.shared.objects import open_store
from components.shared.verification import verify
from components.version.core import run as version
from pipelines import leftovers, workspace
from pipelines.__main__ import main
from pipelines.commands import gc

ORPHAN = "0123456789abcdef0123456789abcdef"
quickly = pytest.mark.usefixtures("without_dvc")


def keys(store):
    return store.keys()


def champion(digest, **changes):
    values = {"model_name": "reviews", "digest": digest, "kind": champions.PROMOTION, "reason": "", "metrics": {}}
    values |= {"dataset": "", "dataset_revision": "", "dataset_digest": "", "lineage": {}, "time": ""}
    return Champion(**(values | changes))


def model(place, text):
    place.mkdir()
    (place / "model.safetensors").write_text(text)
    return place


@quickly
def test_objects_of_revisions_stay_and_others_go(version_config, injected):
    config = version_config()
    version(config)
    version(version_config(["appended"], store=config.store))
    store = open_store(f"{config.store}/dvc")
    before = keys(store)
    orphans = [dvc_remote.object_key(ORPHAN), dvc_remote.object_key(f"{ORPHAN}.dir")]
    for key in orphans:
        store.put(key, b"written by a writer that died")
    assert garbage.dataset_objects(config.registry, [], age=60) == []
    (found,) = garbage.dataset_objects(config.registry, [], age=0)
    assert found.size == 2 * len(b"written by a writer that died")
    assert sorted(set(keys(store)) - set(before)) == sorted(orphans), "nothing is deleted before it is asked for"
    assert found.delete()
    assert keys(store) == before
    assert all(one.sound for one in verify(config.registry))
    injected("gc: unnamed objects among those of revisions", len(orphans), "only the unnamed ones go")


@quickly
def test_another_registry_on_the_same_store_is_asked(version_config, tmp_path):
    mine, other = version_config(), str(tmp_path / "other.git")
    version(mine)
    version(version_config(["other"], registry=other))
    assert garbage.dataset_objects(mine.registry, [], age=0)[0].name.startswith("3 in")
    assert garbage.dataset_objects(mine.registry, [other], age=0) == []


@quickly
def test_what_is_named_meanwhile_stays(version_config, monkeypatch, injected):
    config = version_config()
    version(config)
    late = version_config(["late"], store=config.store)
    pushed = dvc_remote.push
    found = []

    def push(*arguments):
        pushed(*arguments)
        found.extend(garbage.dataset_objects(config.registry, [], age=0))

    monkeypatch.setattr(dvc_remote, "push", push)
    version(late)
    assert found[0].name.startswith("3 in"), "there was no pointer to them yet"
    assert found[0].delete()
    assert all(one.sound for one in verify(config.registry))
    injected("gc: a pointer that comes between the look and the deletion", 1, "its objects stay")


def test_old_objects_that_a_writer_finds_are_written_again(version_config, registry, tmp_path, monkeypatch, injected):
    config = version_config()
    version(config)
    store = open_store(f"{config.store}/dvc")
    written = {entry.key: entry.modified for entry in store.entries()}
    for renewed in (False, True):
        registry.rename(tmp_path / f"forgotten-{renewed}.git")
        monkeypatch.setattr(dvc_remote, "RENEW_SECONDS", 0 if renewed else 3600)
        version(config)
        changed = {entry.key for entry in store.entries() if entry.modified > written[entry.key]}
        assert changed == (set(written) if renewed else set())
    injected("gc: objects of a dead writer that a new one relies on", len(written), "written again, young for gc")


@quickly
def test_nothing_goes_while_a_list_of_files_is_lost(version_config):
    config = version_config()
    md5 = version(config).parameters["dvc_md5"]
    store = open_store(f"{config.store}/dvc")
    store.delete(dvc_remote.object_key(md5))
    with pytest.raises(UserError, match=r"what it names is unknown\. Run `evertune datasets repair` first"):
        garbage.dataset_objects(config.registry, [], age=0)


def test_models_of_the_history_stay(s3, tmp_path, injected):
    store = open_store(s3)
    first, second, never = (upload_model(store, model(tmp_path / name, name)) for name in ("one", "two", "never"))
    newest = champions.append(store, "reviews", champion(first), None)
    champions.append(store, "reviews", champion(second), newest)
    elsewhere = upload_model(store, model(tmp_path / "zh", "zh"))
    champions.append(store, "reviews-zh", champion(elsewhere), None)
    assert garbage.models(store, age=3600) == []
    (found,) = garbage.models(store, age=0)
    assert found.name == never
    assert found.delete()
    kept = {key.split("/")[1] for key in store.keys("models/")}
    assert kept == {first, second, elsewhere}
    champions.rollback(store, "reviews", None, "test")
    injected("gc: a model without a record among those of champions", 1, "only it goes, a rollback still works")


def test_predictions_of_the_history_stay(tmp_path, injected):
    store = open_store(str(tmp_path / "store"))
    named, unnamed = "a" * 64, "b" * 64
    champions.append(store, "reviews", champion(named), None)
    for digest in (named, unnamed):
        store.put(f"predictions/{digest}/{'c' * 64}.npz", b"said")
    assert garbage.predictions(store, age=60) == []
    (found,) = garbage.predictions(store, age=0)
    assert (found.name, found.size, found.delete()) == (unnamed, 4, True)
    assert store.keys("predictions/") == [f"predictions/{named}/{'c' * 64}.npz"]
    injected("gc: predictions of a model without a record among those of champions", 1, "only they go")


def test_a_kept_part_goes_whole_and_its_proof_first(tmp_path, monkeypatch):
    store = open_store(str(tmp_path / "store"))
    young, old, before = "a" * 40, "b" * 40, f"{'c' * 40}.zip"
    names = ("found.zip", "rows.zip", "shard.parquet", "shard.sha256", "shingles")
    for key in (*(f"{part}/{name}" for part in (young, old) for name in names), before):
        store.put(f"cleanings/{key}", b"kept")
    now, written = time.time(), store.entries("cleanings/")
    aged = [replace(one, modified=now - 7200 * (one.key != f"cleanings/{young}/found.zip")) for one in written]
    monkeypatch.setattr(store, "entries", lambda prefix: [one for one in aged if one.key.startswith(prefix)])
    (found,) = garbage.kept_work(store, age=3600)
    deleted, delete = [], store.delete
    monkeypatch.setattr(store, "delete", lambda key: (deleted.append(key), delete(key)))
    assert found.delete()
    assert deleted[:2] == [f"cleanings/{old}/{proof}" for proof in ("found.zip", "shard.sha256")]
    assert sorted(deleted) == sorted(f"cleanings/{key}" for key in (*(f"{old}/{name}" for name in names), before))


def test_a_model_that_is_promoted_meanwhile_stays(tmp_path, injected):
    store = open_store(str(tmp_path / "store"))
    digest = upload_model(store, model(tmp_path / "model", "model"))
    (found,) = garbage.models(store, age=0)
    champions.append(store, "reviews", champion(digest), None)
    before = keys(store)
    assert not found.delete()
    assert keys(store) == before
    injected("gc: a promotion between the look and the deletion", 1, "the model stays, complete")


def test_newest_and_running_checkpoints_stay(tmp_path, injected):
    store = open_store(str(tmp_path))
    for number in range(4):
        key = f"{number:032x}/0000000010/complete.json"
        store.put(key, b"{}")
        os.utime(tmp_path / key, (time.time() - 100 + number,) * 2)
    store.put("notes/readme", b"not ours")
    lease = f"{0:032x}/lease-0000000001"
    store.put(lease, json.dumps({"until": time.time() + 60}).encode())
    os.utime(tmp_path / lease, (0, 0))
    assert garbage.checkpoints(store, keep=2, age=3600) == []
    running = {f"{0:032x}", f"{3:032x}"}  # the lease is the newest object of its key
    found = garbage.checkpoints(store, keep=1, age=0)
    assert {one.name for one in found} == {f"{number:032x}" for number in (1, 2, 3)}
    store.put(f"{3:032x}/lease-0000000001", b"damaged")
    # By name: what is written in one tick of the file system's clock has no order.
    assert {one.name: one.delete() for one in found} == {f"{number:032x}": number != 3 for number in (1, 2, 3)}
    assert {key.split("/")[0] for key in keys(store)} == {*running, "notes"}
    injected("gc: a training that starts between the look and the deletion", 1, "its checkpoints stay")


def test_caches_keep_what_the_lock_names(tmp_path, injected):
    cache = open_store(str(tmp_path / ".dvc" / "cache"))
    named, inside, unnamed = ("a" * 32 + ".dir", "b" * 32, "c" * 32)
    cache.put(dvc_remote.object_key(named), dvc_remote.listing_bytes({"file": inside}))
    for md5 in (inside, unnamed):
        cache.put(dvc_remote.object_key(md5), b"data")
    assert list(leftovers.caches([tmp_path], age=0)) == [], "without a lock nobody knows"
    (tmp_path / "dvc.lock").write_text(f"outs:\n- path: x\n  md5: {named}\n")
    assert list(leftovers.caches([tmp_path], age=3600)) == []
    (found,) = leftovers.caches([tmp_path], age=0)
    assert found.delete()
    assert keys(cache) == [dvc_remote.object_key(named), dvc_remote.object_key(inside)]
    injected("gc: objects in a cache that no dvc.lock names", 1, "only they go")


def test_directories_of_killed_runs(tmp_path, monkeypatch, injected):
    monkeypatch.setattr(leftovers.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    killed = [tmp_path / "tmp" / "evertune-version-ab12", tmp_path / "home" / "reviews" / "fetch" / ".data.scratch"]
    others = [tmp_path / "tmp" / "of-somebody-else", tmp_path / "home" / "reviews" / "fetch" / "data"]
    for place in (*killed, *others):
        place.mkdir(parents=True)
        (place / "file").write_text("x")
    assert list(leftovers.directories(tmp_path / "home", age=3600)) == []
    assert all(one.delete() for one in leftovers.directories(tmp_path / "home", age=0))
    assert [place.exists() for place in (*killed, *others)] == [False, False, True, True]
    injected("gc: directories of killed runs", len(killed), "they go, their neighbours stay")


@pytest.fixture
def command(version_config, without_dvc, tmp_path, monkeypatch):
    """`evertune gc` on a store of its own; gives the store."""
    config = version_config()
    version(config)
    store = open_store(config.store)
    parameters = {"registry": config.registry, "checkpoints": str(tmp_path / "checkpoints")}

    @contextmanager
    def local_store(profile):
        yield store, parameters

    monkeypatch.setattr(gc, "local_store", local_store)
    monkeypatch.setattr(gc, "registries_of_profiles", set)
    monkeypatch.setattr(workspace, "HOME", tmp_path / "home")
    monkeypatch.setattr(leftovers, "TEMPORARY", ())
    return store


def test_the_command_changes_nothing_until_it_is_told_to(command, capsys, monkeypatch):
    command.put(f"models/{'d' * 64}/model.safetensors", b"unnamed")
    before = keys(command)
    main(["gc"])
    assert "0 bytes that nothing names\n" in capsys.readouterr().out, "it is too young"
    monkeypatch.setattr(gc, "LEAST_HOURS", 0)
    main(["gc", "--hours", "0"])
    said = capsys.readouterr().out
    assert f"{'d' * 64}  7" in said
    assert "7 bytes that nothing names; nothing is changed without --delete" in said
    assert keys(command) == before
    main(["gc", "--hours", "0", "--delete"])
    assert "deleted" in capsys.readouterr().out
    assert set(before) - set(keys(command)) == {f"models/{'d' * 64}/model.safetensors"}


@pytest.mark.parametrize("given", [["--keep", "-1"], ["--hours", "1"], ["--hours", "nan"]])
def test_bounds(command, capsys, given):
    with pytest.raises(SystemExit) as end:
        main(["gc", *given])
    assert end.value.code == 2
    assert "is out of range" in capsys.readouterr().err
