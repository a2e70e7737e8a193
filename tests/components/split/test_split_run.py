"""Splitting as a whole: the dataset, its card, and the checks on what was written."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
import yaml

from components.shared.datasets import Dataset, canonical_form
from components.shared.errors import UserError
from components.shared.kept_texts import TEXTS_FILE, kept_texts_writer
from components.shared.records import columns_of, text_key
from components.split.draws import fractions
from components.split.leakage import check_no_leak

ROWS = [(f"text number {number}", "pos" if number * number % 7 < 3 else "neg") for number in range(300)]


FINDINGS = {
    "rows_in": 307,
    "dropped": {"too short": 7},
    "changed": {"markup": 3, "personal data": 2},
    "personal_data": {"EMAIL": 2},
    "distributions": {"language": {"not told": [9, 9], "en": [100, 90], "zh": [200, 199], "fr": [9, 2]}},
}


@pytest.fixture
def split(divided):
    def make(rows, clusters=(), counts=None, **options):
        return divided(rows, clusters, FINDINGS | (counts or {}), **options)

    return make


def test_each_row_is_in_one_split_in_source_order(split):
    texts = split(ROWS).texts
    assert sorted(text for rows in texts.values() for text in rows) == sorted(text for text, _ in ROWS)
    order = {text: number for number, (text, _) in enumerate(ROWS)}
    assert all(rows == sorted(rows, key=order.get) for rows in texts.values())


def test_same_rows_same_bytes(split, tmp_path):
    first = split(ROWS).dataset.manifest
    assert split(ROWS).dataset.manifest == first
    assert split(ROWS, salt="other").dataset.manifest.digest != first.digest


def test_appended_rows_leave_the_test_set_as_it_was(split):
    before = split(ROWS[:200]).texts["test"]
    assert split(ROWS).texts["test"][: len(before)] == before


def test_clusters_are_kept_together(split):
    clusters = [[ROWS[number][0], ROWS[number + 1][0]] for number in range(0, 300, 2)]
    texts = split(ROWS, clusters).texts
    place = {text: name for name, rows in texts.items() for text in rows}
    assert all(place[one] == place[other] for one, other in clusters)


def test_statistics_hold_what_evaluation_and_people_need(split):
    statistics = split(ROWS, train_rows=50).statistics
    train = statistics["splits"]["train"]
    assert train["rows"] == sum(train["labels"].values()) == 50
    rows = sum(one["rows"] for one in statistics["splits"].values())
    assert statistics["dropped"] == {"too short": 7, "beyond train_rows": 300 - rows}
    assert statistics["copies"] == {"1": 300}
    assert statistics["source_rows"] == 307


def test_card_has_front_matter_of_a_dataset_card(split):
    result = split([(*row, "x") for row in ROWS], meta=("site",))
    _, front, body = result.card.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert fields["task_categories"] == ["text-classification"]
    assert fields["language"] == ["zh", "en"], "two rows in French are stray ones"
    assert fields["size_categories"] == ["n<1K"]
    assert fields["configs"][0]["data_files"][2] == {"split": "test", "path": "test-*.parquet"}
    assert fields["dataset_info"]["features"][3] == {"name": "meta", "struct": [{"name": "site", "dtype": "string"}]}
    assert result.dataset.manifest.digest in body
    assert "| too short | 7 |" in body
    assert "2 `<EMAIL>`" in body


@pytest.mark.parametrize(
    ("changed", "told"),
    [({}, "Personal data was not searched for."), ({"personal data": 0}, "placeholders: nothing, for none was found.")],
)
def test_card_says_whether_personal_data_was_replaced(split, changed, told):
    card = split(ROWS, counts={"changed": changed, "personal_data": {}}).card
    assert told in card
    assert ("Names and other ways" in card) == bool(changed)


def test_a_kept_copy_of_a_tied_row_is_never_parted_from_it(split):
    """Equal texts are drawn alike, but one that is like a row of the test set follows that."""
    texts = [text for text, _ in ROWS]
    drawn = fractions([text_key(text) for text in texts], len(texts), "evertune", "split")
    tested, trained = texts[drawn.argmin()], texts[drawn.argmax()]
    rows = [*ROWS, (f"{trained} ", "pos")]
    found = split(rows, [[tested, f"{trained} "]]).texts
    assert tested in found["test"]
    assert trained not in found["test"] + found["validation"] + found["train"]
    assert f"{trained} " not in found["train"] + found["validation"]


def test_weights_of_rows_with_several_labels_are_those_of_each_label(divided):
    rows = [(text, "en,short" if label == "pos" else "zh") for text, label in ROWS]
    report = divided(rows, task="multilabel_classification").report
    weights = report.partition("class_weights: balanced")[2].partition("</table>")[0]
    assert re.findall("<td>(.*?)</td>", weights) == ["en", "short", "zh"]


def test_card_has_no_column_for_labels_that_are_not_there(split):
    assert "| split | rows | median characters |" in split([(text, "") for text, _ in ROWS], task="causal_lm").card
    many = [(text, str(number % 25)) for number, (text, _) in enumerate(ROWS)]
    card = split(many, task="multilabel_classification", stratify="label").card
    assert "| split | rows | median characters |" in card


def test_labels_cannot_break_card_or_report(split):
    label = "a|b <i>\n--- x: ["
    result = split([(text, label if old == "pos" else old) for text, old in ROWS])
    assert isinstance(yaml.safe_load(result.card.split("---\n", 2)[1]), dict)
    assert r"| split | rows | a\|b \<i\> --- x: \[ | neg |" in result.card
    assert "<i>" not in result.report


def test_split_without_a_label_is_refused(split, tmp_path):
    rows = [*((text, "neg") for text, _ in ROWS), ("the only one", "pos")]
    with pytest.raises(UserError, match=r"set has no row with the label 'pos'"):
        split(rows)
    assert not (tmp_path / "splits").exists()
    assert not (tmp_path / "card").exists()


def test_findings_of_another_dataset_are_refused(split):
    for counts in ({"rows_out": 5}, {"digest": "of another one"}):
        with pytest.raises(UserError, match="findings of another dataset"):
            split(ROWS, counts=counts)


def know(directory, rows):
    """Writes what `clean` knows of kept texts."""
    directory.mkdir(exist_ok=True)
    canonical = canonical_form(columns_of("classification"))
    sizes = [len(canonical({"text": text, "label": label})) for text, label in rows]
    table = {"key": pa.array([text_key(text) for text, _ in rows], pa.binary(16)), "size": pa.array(sizes, pa.int32())}
    with kept_texts_writer(directory) as writer:
        writer.write_table(pa.table(table))


@pytest.mark.parametrize(
    "options", [{}, {"stratify": "label"}, {"folds": 3}, {"balance": "oversample"}, {"augment": "swap"}]
)
def test_what_clean_knows_of_the_texts_changes_no_byte(split, tmp_path, options):
    read = split(ROWS, **options)
    know(tmp_path / "findings", ROWS)
    known = split(ROWS, **options)
    assert (known.dataset.manifest, known.statistics) == (read.dataset.manifest, read.statistics)
    know(tmp_path / "findings", ROWS[::-1])
    assert split(ROWS, **options).dataset.manifest != read.dataset.manifest


def test_damaged_and_other_texts_are_refused(split, tmp_path):
    know(tmp_path / "findings", ROWS)
    path = tmp_path / "findings" / TEXTS_FILE
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"texts.parquet: cannot be read .*Run `clean` again"):
        split(ROWS)
    know(tmp_path / "findings", ROWS[1:])
    with pytest.raises(UserError, match=r"texts.parquet: is of 299 rows, not 300"):
        split(ROWS)


def test_same_text_in_two_splits_is_found(tmp_path, write_rows):
    write_rows(tmp_path / "d", {"train": [("Same  text", "pos")], "test": [("same text", "pos")]})
    with pytest.raises(UserError, match="test and train share the text 'Same  text'"):
        check_no_leak(Dataset(tmp_path / "d"), [])


def test_cluster_in_two_splits_is_found(tmp_path, write_rows):
    ids = write_rows(tmp_path / "d", {"train": [("one", "pos")], "test": [("two", "pos"), ("three", "pos")]})
    check_no_leak(Dataset(tmp_path / "d"), [[ids["two"], ids["three"], "dropped"]])
    with pytest.raises(UserError, match=r"test and train share a cluster"):
        check_no_leak(Dataset(tmp_path / "d"), [[ids["one"], ids["two"]]])
