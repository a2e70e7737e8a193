"""No leakage, as properties: whatever the ties, groups and strata; and the check rejects splitters that leak."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.shared.datasets import Dataset, DatasetWriter
from components.shared.errors import UserError
from components.shared.records import columns_of, text_key
from components.split.cleaned_rows import CleanedRows
from components.split.config import Config
from components.split.core import assign, write
from components.split.draws import SPLITS, TEST, TRAIN, fractions
from components.split.falls import Falls
from components.split.leakage import beginnings, check_no_leak, folded
from components.split.traits import Traits

COLUMNS = columns_of("classification", ["author", "site"])
ROW = st.tuples(
    st.lists(st.integers(0, 24), max_size=2), st.sampled_from(["", "", "a", "b", "c"]), st.sampled_from("xy")
)
"""For each row the earlier ones that it is like, its author and its site."""
ROWS = st.lists(ROW, min_size=1, max_size=25)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "group_column": st.just("author"),
        "stratify": st.sampled_from(["label", "label,site"]),
        "frozen_test": st.just("site=y"),
        "train_rows": st.integers(1, 10),
        "balance": st.sampled_from(["oversample", "undersample"]),
        "augment": st.sampled_from(["deletion", "swap,noise", "synonym"]),
    },
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("splits")


def config(place, **options):
    paths = {name: place / name for name in ("cleaned", "findings", "splits", "card", "report")}
    shares = {"test_fraction": 0.4, "validation_fraction": 0.3}
    return Config(task="classification", **paths, **{**shares, **options})


def cleaned_dataset(place, rows):
    """The dataset and the clusters that `clean` would give for these rows."""
    directory = Path(tempfile.mkdtemp(dir=place))
    writer = DatasetWriter(directory, COLUMNS)
    ids = [
        writer.write({"text": f"text {n} of all", "label": "pn"[n % 2], "meta": {"author": author, "site": site}})
        for n, (_, author, site) in enumerate(rows)
    ]
    writer.finish()
    clusters = [
        [ids[other] for other in ties if other < n] + [ids[n]]
        for n, (ties, _, _) in enumerate(rows)
        if any(other < n for other in ties)
    ]
    return CleanedRows(directory, place), clusters


def split(place, rows, **options):
    """What was written, with the clusters and the traits that nothing may part."""
    cleaned, clusters = cleaned_dataset(place, rows)
    chosen = config(place, **options)
    traits = Traits(chosen, cleaned.columns)
    assignment, enlarger = assign(chosen, cleaned, clusters, traits)
    directory = Path(tempfile.mkdtemp(dir=place))
    write(cleaned, assignment, enlarger, Falls(assignment), directory)
    shutil.rmtree(cleaned.directory)
    return Dataset(directory), clusters, traits


def places(dataset):
    """Split of each row that was not made of another, by its text."""
    rows = ((row, name) for name in SPLITS for row in dataset.rows(name))
    return {row["text"]: name for row, name in rows if not row["meta"].get("augmentation")}


@settings(max_examples=60)
@given(ROWS, OPTIONS)
def test_nothing_leaks_and_nothing_made_is_outside_of_train(place, rows, options):
    dataset, clusters, traits = split(place, rows, **options)
    check_no_leak(dataset, clusters, traits.group if "group_column" in options else None, COLUMNS)
    found = places(dataset)
    for n, (ties, author, _) in enumerate(rows):
        alike = [other for other in ties if other < n]
        if "group_column" in options and author:
            alike += [other for other in range(n) if rows[other][1] == author]
        sides = {found.get(f"text {other} of all") for other in (*alike, n)} - {None}
        assert len(sides) <= 1
    made = {row["id"] for row in dataset.rows(TRAIN)}
    for row in itertools.chain(*map(dataset.rows, SPLITS[1:])):
        assert not row["meta"].get("augmentation")
        assert row["id"] not in made


@settings(max_examples=60)
@given(ROWS, ROWS, OPTIONS)
def test_appended_rows_take_no_row_out_of_the_test_set(place, rows, more, options):
    before = places(split(place, rows, **options)[0])
    after = places(split(place, [*rows, *more], **options)[0])
    assert {text for text, name in before.items() if name == TEST} <= {
        text for text, name in after.items() if name == TEST
    }
    kept = {text: name for text, name in before.items() if text in after}
    assert all(after[text] == name for text, name in kept.items())


@settings(max_examples=30)
@given(ROWS, st.sampled_from(["", "label"]), st.integers(2, 5))
def test_each_row_is_in_the_test_set_of_one_fold(place, rows, stratify, folds):
    options = {"folds": folds, "stratify": stratify, "group_column": "author", "validation_fraction": 0.2}
    tested = []
    for fold in range(folds):
        dataset, clusters, traits = split(place, rows, fold=fold, **options)
        check_no_leak(dataset, clusters, traits.group, COLUMNS)
        found = places(dataset)
        assert len(found) == len(rows)
        tested += [text for text, name in found.items() if name == TEST]
    assert sorted(tested) == sorted(f"text {n} of all" for n in range(len(rows)))


@settings(max_examples=60)
@given(ROWS)
def test_a_splitter_that_looks_at_rows_alone_is_rejected_exactly_when_it_leaks(place, rows):
    cleaned, clusters = cleaned_dataset(place, rows)
    directory = Path(tempfile.mkdtemp(dir=place))
    writer, side = DatasetWriter(directory, COLUMNS, SPLITS), {}
    for row in cleaned.rows():
        side[row["id"]] = SPLITS[int(3 * fractions([text_key(row["text"])], 1, "salt", "bad")[0])]
        writer.write(row, side[row["id"]])
    writer.finish()
    leaks = any(len({side[one] for one in cluster}) > 1 for cluster in clusters)
    if leaks:
        with pytest.raises(UserError, match="share a cluster"):
            check_no_leak(Dataset(directory), clusters)
    else:
        check_no_leak(Dataset(directory), clusters)


def written(tmp_path, *rows, columns=COLUMNS):
    tmp_path.mkdir(exist_ok=True)
    writer = DatasetWriter(tmp_path, columns, SPLITS)
    ids = [writer.write({"text": text, "label": "p", "meta": meta}, name) for name, text, meta in rows]
    writer.finish()
    return Dataset(tmp_path), ids


def test_a_group_on_two_sides_is_found(tmp_path, place):
    meta = {"author": "ann", "site": "x"}
    dataset, _ = written(tmp_path, (TRAIN, "one", meta), (TEST, "two", meta), (TEST, "three", {**meta, "author": ""}))
    traits = Traits(config(place, group_column="author"), COLUMNS)
    with pytest.raises(UserError, match=r'test and train share the group \["author", "ann"\]'):
        check_no_leak(dataset, [], traits.group)
    check_no_leak(dataset, [], Traits(config(place), COLUMNS).group)


@pytest.mark.parametrize(("name", "origin"), [(TEST, TRAIN), (TRAIN, TEST), (TRAIN, "")])
def test_a_made_row_of_or_outside_of_train_is_found(tmp_path, name, origin):
    columns = columns_of("classification", ["origin", "augmentation"])
    writer = DatasetWriter(tmp_path, columns, SPLITS)
    plain = {"origin": "", "augmentation": ""}
    known = {one: writer.write({"text": f"a text of {one}", "label": "p", "meta": plain}, one) for one in SPLITS}
    made = {"origin": known.get(origin, "nothing"), "augmentation": "swap"}
    writer.write({"text": "made", "label": "p", "meta": made}, name)
    writer.finish()
    with pytest.raises(UserError, match="was made by swap, which is for train rows only"):
        check_no_leak(Dataset(tmp_path), [])


def test_a_made_row_behind_another_than_its_own_is_found(tmp_path):
    columns = columns_of("classification", ["origin", "augmentation"])
    writer, plain = DatasetWriter(tmp_path, columns, SPLITS), {"origin": "", "augmentation": ""}
    one, _ = (writer.write({"text": text, "label": "p", "meta": plain}, TRAIN) for text in ("one", "two"))
    writer.write({"text": "made", "label": "p", "meta": {"origin": one, "augmentation": "swap"}}, TRAIN)
    writer.finish()
    with pytest.raises(UserError, match="was made by swap"):
        check_no_leak(Dataset(tmp_path), [])


def test_clusters_are_found_though_the_ids_have_changed(tmp_path):
    """Rows that tell of their origin have other ids than the rows that `clean` named."""
    columns = columns_of("classification", ["origin", "augmentation"])
    plain = {"origin": "", "augmentation": ""}
    cleaned = DatasetWriter(tmp_path, columns_of("classification"))
    ids = [cleaned.write({"text": text, "label": "p"}) for text in ("one", "two")]
    dataset, _ = written(tmp_path / "splits", (TRAIN, "one", plain), (TEST, "two", plain), columns=columns)
    with pytest.raises(UserError, match="share a cluster"):
        check_no_leak(dataset, [ids], source=columns_of("classification"))


SIGNS = st.sampled_from(["K", "k", "\u212a", "ß", "SS", "ſ", " ", "\xa0", "\x1c", "\u3000", "İ", "i", "\u0307", "中"])


@given(st.lists(st.one_of(SIGNS, st.characters(exclude_categories=["Cs"])), max_size=6).map("".join))
def test_the_quick_check_overlooks_no_texts_that_are_the_same(text):
    for other in (text.upper(), text.lower(), text.casefold(), f" {text}\n", text.replace(" ", "\u3000 ")):
        if text_key(other) == text_key(text):
            assert folded(other) == folded(text)
            long = [list(beginnings(pa.chunked_array([[one, one * 99]]))) for one in (other, text)]
            assert long[0] == long[1]


@pytest.mark.parametrize("spaces", [1, 500])
def test_of_texts_that_begin_alike_those_that_are_the_same_are_found(tmp_path, spaces):
    meta, begin = {"author": "", "site": "x"}, "The same beginning. " * 20
    dataset, _ = written(tmp_path / "a", *((split, begin + split, meta) for split in SPLITS))
    check_no_leak(dataset, [])
    texts = (begin + "an end", begin + "another", f"the{' ' * spaces}{begin[4:]}AN END")
    dataset, _ = written(tmp_path / "b", *((split, text, meta) for split, text in zip(SPLITS, texts, strict=True)))
    with pytest.raises(UserError, match="test and train share the text"):
        check_no_leak(dataset, [])


def test_tables_are_written_and_counted_as_their_rows_are(place, monkeypatch):
    rows = [([], "abc"[n % 3], "xy"[n % 2]) for n in range(40)]
    together, _, _ = split(place, rows, stratify="label")
    numbers = []
    for whole in (True, False):
        cleaned, clusters = cleaned_dataset(place, rows)
        chosen = config(place, stratify="label")
        assignment, enlarger = assign(chosen, cleaned, clusters, Traits(chosen, cleaned.columns))
        if not whole:
            monkeypatch.setattr("components.split.cleaned_rows.sizes_of", lambda *_: None)
        directory = Path(tempfile.mkdtemp(dir=place))
        manifest, found, sketch = write(cleaned, assignment, enlarger, Falls(assignment), directory)
        assert manifest == together.manifest
        numbers.append(({name: one.summary() for name, one in found.items()}, sketch.to_json()))
    assert numbers[0] == numbers[1]
