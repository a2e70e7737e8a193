import random

import pytest

from components.evaluate import leakage


def test_a_source_without_copies_leaks_nothing():
    assert leakage.leaked_share({"1": 100}, 0.2) == 0.0
    assert leakage.leaked_share({}, 0.2) == 0.0


def test_the_share_is_what_random_splits_leak():
    copies = {"1": 300, "2": 200, "5": 40}
    rows = [f"{count}-{text}" for count, texts in copies.items() for text in range(texts) for _ in range(int(count))]
    shares = []
    for seed in range(60):
        shuffled = random.Random(seed).sample(rows, len(rows))
        cut = len(rows) // 5
        seen = set(shuffled[cut:])
        shares.append(sum(row in seen for row in shuffled[:cut]) / cut)
    assert leakage.leaked_share(copies, 0.2) == pytest.approx(sum(shares) / len(shares), abs=0.01)


def test_the_claim_lies_between_unseen_and_seen():
    assert leakage.claim(0.75, 1.0, 0.8)["leaking_split_accuracy"] == pytest.approx(0.95)


def test_training_rows_left_out_do_not_raise_the_share_of_the_test():
    splits = {"train": {"rows": 10}, "test": {"rows": 10}}
    assert leakage.fraction_for_test({"splits": splits}) == 0.5
    dropped = {"beyond train_rows": 20, "exact duplicate": 60}
    assert leakage.fraction_for_test({"splits": splits, "dropped": dropped}) == 0.25


def test_sampled_rows_are_a_seeded_choice_without_repetition():
    rows = leakage.sample_rows(5000, 3)
    assert len(set(rows.tolist())) == leakage.MOST_SEEN_ROWS
    assert rows.tolist() == leakage.sample_rows(5000, 3).tolist()
    assert leakage.sample_rows(3, 3).tolist() == [0, 1, 2]
