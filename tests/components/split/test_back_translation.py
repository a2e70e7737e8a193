"""Back-translation with small models that were made here: deterministic, for train only, pinned by their content."""

from __future__ import annotations

import json
import shutil

import pytest
from ctranslate2.converters import TransformersConverter

from components.shared.errors import UserError
from components.shared.files import tree_digest
from components.split.back_translation import BackTranslation
from components.split.config import Config
from components.split.draws import SPLITS, TRAIN
from tests.tiny_models import tiny_model_of

TEXTS = [f"A film of {number} minutes. It is the best of the year!" for number in range(60)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two models, pinned: they were trained on nothing, so that they say something else."""
    place, pinned = tmp_path_factory.mktemp("models"), []
    for name in ("there", "back"):
        model = tiny_model_of("t5", place / f"hub-{name}", TEXTS)
        TransformersConverter(str(model), copy_files=["tokenizer.json"]).convert(str(place / name))
        pinned.append(f"{place / name}#sha256={tree_digest(place / name)}")
    return pinned


def test_the_same_text_always_becomes_the_same_other_one(models):
    one, other = BackTranslation(*models), BackTranslation(*models)
    made = [one.of(text) for text in TEXTS[:10]]
    assert made == [other.of(text) for text in reversed(TEXTS[:10])][::-1]
    assert all(text != before and text for text, before in zip(made, TEXTS, strict=False))


@pytest.mark.parametrize("kept", ["<EMAIL_k3v9x2m7qa> wrote it.", "!!!", "", "\n\n"])
def test_placeholders_and_what_has_no_word_stay(models, kept):
    translation = BackTranslation(*models)
    assert translation.of(kept) == kept
    assert translation.of(f"A film of the year.\n{kept}").endswith(f"\n{kept}".rstrip() or "\n")


def test_only_train_gets_variants_and_nothing_leaks(models, divided):
    options = {"augment": "back_translation", "translation_model": models[0], "back_translation_model": models[1]}
    made = divided([(text, "pn"[number % 2]) for number, text in enumerate(TEXTS)], **options).dataset
    variants = [row for row in made.rows(TRAIN) if row["meta"]["augmentation"]]
    assert variants
    assert {row["meta"]["augmentation"] for row in variants} == {"back_translation"}
    others = {row["text"] for name in SPLITS[1:] for row in made.rows(name)}
    assert others.isdisjoint(row["text"] for row in variants)
    assert others <= set(TEXTS)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"augment": "back_translation"}, "split.translation_model: '' does not go with augment 'back_translation'"),
        ({"translation_model": "a#sha256=1"}, "does not go with augment ''"),
        ({"augment": "back_translation", "translation_model": "a"}, "a is not pinned to its content"),
    ],
)
def test_two_pinned_models_are_needed_and_nothing_less(options, told):
    unset = dict.fromkeys(("cleaned", "findings", "splits", "card", "report"))
    with pytest.raises(UserError) as caught:
        Config(task="classification", **unset, **options)
    assert told in caught.value.line


def test_what_is_no_model_is_told_in_one_line(models, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"another content than is named"):
        BackTranslation(models[0].partition("#")[0] + "#sha256=0", models[1])
    broken = tmp_path / "broken"
    shutil.copytree(models[0].partition("#")[0], broken)
    (broken / "config.json").write_text(json.dumps({}))
    (broken / "model.bin").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"split\.back_translation_model: no model of CTranslate2") as caught:
        BackTranslation(models[0], f"{broken}#sha256={tree_digest(broken)}")
    assert "\n" not in caught.value.line
    monkeypatch.setitem(__import__("sys").modules, "ctranslate2", None)
    with pytest.raises(UserError, match=r"ctranslate2 is not installed.*CLEAN_EXTRAS=translation"):
        BackTranslation(*models)
