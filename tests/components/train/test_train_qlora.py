"""Base weights in 4 bits are refused, in one line and before any work, where they cannot be computed."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from components.shared.errors import UserError
from components.train import core


def refusal(config):
    with pytest.raises(UserError) as caught:
        core.run(config)
    return caught.value.line


def test_without_the_package(configure, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    line = refusal(configure(adapter="qlora", data=tmp_path / "not read yet"))
    assert line == (
        "train.adapter: qlora needs the package bitsandbytes, which is not installed. "
        "Build the image with EXTRAS=qlora and a CUDA build of torch, or set it to lora"
    )


def test_without_a_gpu(configure, monkeypatch, tmp_path):
    package = ModuleType("bitsandbytes")
    package.__spec__ = ModuleSpec("bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes", package)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    line = refusal(configure(adapter="qlora", data=tmp_path / "not read yet"))
    assert line == "train.adapter: qlora needs a GPU, and there is none. Set it to lora"
