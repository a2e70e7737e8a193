"""Exact changes between two datasets."""

from components.shared.changes import changes
from components.shared.datasets import Dataset, DatasetWriter
from components.shared.records import columns_of

SPLITS = ("train", "validation", "test")


def dataset(directory, *rows, meta=()):
    directory.mkdir()
    writer = DatasetWriter(directory, columns_of("classification", meta), SPLITS)
    for split, text, label, *ways in rows:
        writer.write({"text": text, "label": label, **({"meta": {"augmentation": ways[0]}} if meta else {})}, split)
    writer.finish()
    return Dataset(directory)


def test_each_kind_of_change_is_counted(tmp_path):
    old = dataset(
        tmp_path / "old",
        *(("train", "stays", "p"), ("train", "goes", "p"), ("train", "moves", "n")),
        *(("test", "Is  relabelled", "n"), ("test", "both", "n")),
    )
    new = dataset(
        tmp_path / "new",
        *(("train", "stays", "p", ""), ("train", "comes", "p", ""), ("validation", "moves", "n", "")),
        *(("test", "is relabelled", "p", ""), ("train", "both", "p", ""), ("train", "goes", "p", "swap")),
        meta=("augmentation",),
    )
    found = changes(old, new)
    assert found.kept == 1
    assert found.counts == {
        "added": {"train": 1},
        "removed": {"train": 1},
        "moved": {"train -> validation": 1, "test -> train": 1},
        "relabelled": {"n -> p": 2},
    }
    assert found.examples["removed"] == [["train", "goes"]]


def test_repeated_texts_are_rows_of_their_own(tmp_path):
    old = dataset(tmp_path / "old", *[("train", "again", "p")] * 3)
    new = dataset(tmp_path / "new", *[("train", "again", "p")] * 5)
    assert changes(old, new).counts["added"] == {"train": 2}
    assert changes(new, old).counts["removed"] == {"train": 2}
    assert changes(old, new).kept == 3
