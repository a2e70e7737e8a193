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
    """

    LOGGED_POINTS: Final = 1000

    def __init__(self, lengths: Rows, batch_size: int, epochs: int, evaluations_per_epoch: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.steps_per_epoch = -(-len(lengths) // batch_size)
        self.total_steps = self.steps_per_epoch * epochs
        self._log_every = max(1, self.total_steps // self.LOGGED_POINTS)
        self._validated = {
            -(-self.steps_per_epoch * part // evaluations_per_epoch) for part in range(1, evaluations_per_epoch + 1)
        }
        self._batches = lru_cache(maxsize=1)(lambda epoch: epoch_batches(lengths, batch_size, seed, epoch))

    def rows(self, step: int) -> Rows:
        """The rows of step `step`."""
        epoch, index = divmod(step - 1, self.steps_per_epoch)
        return self._batches(epoch)[index]

    def epochs_done(self, step: int) -> float:
        """Passes over the rows after `step`."""
        return step / self.steps_per_epoch

    def validates(self, step: int) -> bool:
        """Whether a validation follows on `step`."""
        return step > 0 and (step - 1) % self.steps_per_epoch + 1 in self._validated

    def logs(self, step: int) -> bool:
        """Whether the loss since the last point is recorded after `step`."""
        return step % self._log_every == 0 or step == self.total_steps
