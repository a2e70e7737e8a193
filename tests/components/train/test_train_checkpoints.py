"""Checkpoints in S3, and the key that says whose they are."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from components.shared.errors import Terminated, UserError
from components.shared.files import sha256_of
from components.shared.objects import S3Store, open_store
from components.shared.options import OPTION, fields_of
from components.train import core
from components.train.checkpoints import Checkpoints
from components.train.config import Config
from components.train.identity import PLACEMENT, checkpoint_key

OTHER = {
    "warmup_fraction": 0.5,
    "optimizer": "sgd",
    "momentum": 0.5,
    "dropout": 0.3,
    "schedule": "cosine",
    "deterministic": False,
    "source_prefix": "summarize: ",
    "mask_probability": 0.3,
    "packing": False,
    "decay_fraction": 0.5,
    "layer_decay": 0.9,
    "freeze": "*.bias",
    "adapter": "lora",
    "adapter_dropout": 0.1,
    "label_smoothing": 0.1,
    "class_weights": "balanced",
    "gradient_checkpointing": True,
    "precision": "bf16",
    "trackers": "mlflow",
    "dp_delta": 1e-6,
    "sharding": "fsdp2",
}


def test_training_goes_on_from_s3(configure, monkeypatch, s3, caplog):
    config, plain = configure(checkpoint_steps=5, checkpoints=s3), configure("plain")

    class Signalling(S3Store):
        def put(self, key, data):
            super().put(key, data)
            if key.endswith("0000000010/complete.json"):
                signal.raise_signal(signal.SIGTERM)

    bucket, _, prefix = s3.removeprefix("s3://").partition("/")
    monkeypatch.setattr(core, "open_store", lambda _: Signalling(bucket, prefix))
    with pytest.raises(Terminated):
        core.run(config)
    monkeypatch.setattr(core, "open_store", open_store)
    with caplog.at_level("INFO"):
        core.run(config)
    assert "going on after step 10" in caplog.text
    core.run(plain)
    assert sha256_of(config.model / "model.safetensors") == sha256_of(plain.model / "model.safetensors")


@pytest.fixture
def saved(tmp_path, s3):
    """Two checkpoints in S3."""
    checkpoints = Checkpoints(open_store(s3), "key", keep=2, options={"seed": 1})
    for step in (1, 2):
        directory = tmp_path / str(step)
        directory.mkdir()
        (directory / "weights").write_bytes(b"%d" % step * 1000)
        checkpoints.save(step, directory)
    return checkpoints


def test_object_that_the_store_finds_damaged_is_skipped(saved, tmp_path, caplog):
    name = saved.store._at("key/0000000002/weights")
    metadata = saved.store.client.head_object(**name)["Metadata"]
    saved.store.client.put_object(**name, Body=b"2" * 999 + b"3", Metadata=metadata)
    assert saved.load_newest(tmp_path) == "0000000001"
    assert "0000000002 is not used: the object is damaged" in caplog.text


def test_refused_access_is_no_damage(saved, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    denied = replace(saved, store=open_store(saved.store.uri))
    with pytest.raises(UserError, match="S3 refused"):
        denied.load_newest(tmp_path)


def test_names_that_lead_elsewhere_are_damage(saved, tmp_path, caplog):
    record = saved.store.get("key/0000000002/complete.json")
    saved.store.put("key/0000000002/complete.json", record.replace(b'"weights"', b'"../weights"'))
    assert saved.load_newest(tmp_path) == "0000000001"
    assert "complete.json is not that of this training" in caplog.text


def test_key_depends_on_each_option_but_placement(configure):
    config = configure(world_size=2)
    for name in fields_of(Config, OPTION):
        changed = replace(config, **{name: OTHER[name] if name in OTHER else getattr(config, name) + 1})
        same = checkpoint_key(changed, "d", "m") == checkpoint_key(config, "d", "m")
        assert same == (name in PLACEMENT), name


@pytest.mark.parametrize("other", [("e", "m"), ("d", "n")])
def test_key_depends_on_data_and_base_model(configure, other):
    assert checkpoint_key(configure(), *other) != checkpoint_key(configure(), "d", "m")


def test_key_does_not_depend_on_names_and_places(configure):
    config = configure(dataset="other", revision="other/v3", model=Path("elsewhere"))
    assert checkpoint_key(config, "d", "m") == checkpoint_key(configure(), "d", "m")
