"""Weights of classes: given by name, or balanced from the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from components.shared.errors import UserError
from components.train.config import BALANCED, weights_by_name


def class_weights(text: str, labels: Sequence[str], counts: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """The weight of each label; None when all are alike.

    Args:
        text: The option: empty, `balanced` (rows / labels / rows of the label), or name=weight pairs with commas;
            labels that are not named have the weight 1.
        labels: All labels.
        counts: Training rows of each.

    Raises:
        UserError: if a label is named that no row has.
    """
    if not text:
        return None
    if text == BALANCED:
        return np.asarray(counts.sum() / len(labels) / np.maximum(counts, 1), dtype=np.float32)
    given = weights_by_name(text)
    unknown = sorted(set(given) - set(labels))
    if unknown:
        raise UserError(
            f"no row has the label {unknown[0]!r}",
            where="train.class_weights",
            remedy=f"use {', '.join(labels)}",
        )
    return np.array([given.get(label, 1.0) for label in labels], dtype=np.float32)
