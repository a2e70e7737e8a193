"""Which rows each optimizer step takes: a pure function of the seed, the epoch and the lengths.

Nothing is remembered between steps, so a resumed training takes exactly the rows it would have taken.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
POOL_BATCHES: Final = 50
"""At most so many batches are formed from rows that were drawn together and then sorted by length."""
LEAST_POOLS: Final = 4
LEAST_POOL_BATCHES: Final = 8


def epoch_batches(lengths: Rows, batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """The rows of each step of an epoch: random, but rows of like length together.

    The rows are drawn in random order, cut into pools, sorted by length within each pool, cut into
    batches, and the batches are shuffled. What is left over by whole batches is a batch of its own.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows of a step.
        seed: Of the whole training.
        epoch: From 0 on.
    """
    random = np.random.default_rng([seed, epoch])
    drawn = random.permutation(len(lengths))
    whole = len(lengths) - len(lengths) % batch_size
    pool_rows = batch_size * _pool_batches(whole // batch_size)
    batches = []
    for start in range(0, whole, pool_rows):
        pool = drawn[start : min(start + pool_rows, whole)]
        by_length = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [by_length[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    if whole < len(lengths):
        batches.append(drawn[whole:])
    return [batches[index] for index in random.permutation(len(batches))]


def token_batches(lengths: Rows, tokens: int, seed: int, epoch: int) -> list[Rows]:
    """Like `epoch_batches`, but a batch holds as many rows as fit: rows times the longest of them is at most `tokens`.

    So long rows make small batches, and each step computes nearly the same number of tokens.
    """
    random = np.random.default_rng([seed, epoch])
    drawn = random.permutation(len(lengths))
    usual = max(1, int(tokens / lengths.mean()))
    pool_rows = usual * _pool_batches(-(-len(lengths) // usual))
    batches: list[Rows] = []
    for start in range(0, len(drawn), pool_rows):
        pool = drawn[start : start + pool_rows]
        batches += _filled(pool[np.argsort(lengths[pool], kind="stable")], lengths, tokens)
    return [batches[index] for index in random.permutation(len(batches))]


def _filled(by_length: Rows, lengths: Rows, tokens: int) -> list[Rows]:
    cuts, first = [], 0
    for place, length in enumerate(lengths[by_length].tolist()):
        if place > first and (place - first + 1) * length > tokens:
            cuts.append(place)
            first = place
    return np.split(by_length, cuts)


def _pool_batches(batches: int) -> int:
    """Few batches share a pool, so that epochs differ; never so few that nothing is grouped."""
    return min(POOL_BATCHES, max(LEAST_POOL_BATCHES, -(-batches // LEAST_POOLS)))


def parts(rows: Rows, count: int, index: int) -> Rows:
    """The share of a batch that part `index` of `count` computes; empty when there are too few rows."""
    return rows[index::count]


class Plan:
    """What happens at which step; steps count from 1, 0 is the state before the first.

    Args:
        lengths: Tokens of each training row.
        batch_size: Rows of a step.
        epochs: Passes over the rows.
        evaluations_per_epoch: Validations in an epoch, evenly spread, the last at its end.
        seed: Of the order.
        batch_tokens: Most tokens of a step, instead of `batch_size`; 0 counts rows.
    """

    LOGGED_POINTS: Final = 1000

    def __init__(
        self,
        lengths: Rows,
        batch_size: int,
        epochs: int,
        evaluations_per_epoch: int,
        seed: int,
        batch_tokens: int = 0,
    ) -> None:
        def batches(epoch: int) -> list[Rows]:
            if batch_tokens:
                return token_batches(lengths, batch_tokens, seed, epoch)
            return epoch_batches(lengths, batch_size, seed, epoch)

        self._lengths = lengths
        self._batches = lru_cache(maxsize=1)(batches)
        equal = -(-len(lengths) // batch_size)
        self._steps = [len(batches(epoch)) if batch_tokens else equal for epoch in range(epochs)]
        self._starts = np.cumsum([0, *self._steps])
        self._evaluations = evaluations_per_epoch
        self.total_steps = int(self._starts[-1])
        self._log_every = max(1, self.total_steps // self.LOGGED_POINTS)

    def rows(self, step: int) -> Rows:
        """The rows of step `step`."""
        epoch, index = self._place(step)
        return self._batches(epoch)[index]

    def largest(self) -> Rows:
        """The rows of the step of the first epoch that computes the most tokens, padding counted."""
        return max(self._batches(0), key=lambda rows: len(rows) * int(self._lengths[rows].max()))

    def epoch(self, step: int) -> int:
        """The epoch of step `step`, from 0 on."""
        return self._place(step)[0]

    def epochs_done(self, step: int) -> float:
        """Passes over the rows after `step`."""
        epoch, index = self._place(step)
        steps = self._steps[epoch]
        return (epoch * steps + index + 1) / steps

    def validates(self, step: int) -> bool:
        """Whether a validation follows on `step`."""
        if not step:
            return False
        epoch, index = self._place(step)
        shares = range(1, self._evaluations + 1)
        return index + 1 in {-(-self._steps[epoch] * share // self._evaluations) for share in shares}

    def logs(self, step: int) -> bool:
        """Whether the loss since the last point is recorded after `step`."""
        return step % self._log_every == 0 or step == self.total_steps

    def _place(self, step: int) -> tuple[int, int]:
        """The epoch of a step and its number in there, both from 0 on."""
        epoch = int(np.searchsorted(self._starts, step, side="left")) - 1
        return epoch, step - 1 - int(self._starts[epoch])
