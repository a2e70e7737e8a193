"""Packs short sequences together, so that hardly anything computed is padding."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Puts sequences into packs of at most `capacity`: the longest first, each where it leaves the least room.

    A function of the lengths alone: what is packed together never changes, only the order of the packs does. Best fit
    decreasing needs at most 11/9 of the packs of the best packing, and with texts of mixed lengths hardly more.

    Args:
        lengths: Length of each sequence, none longer than `capacity`.
        capacity: Of a pack.

    Returns:
        The numbers of the sequences in each pack.
    """
    packs: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # room left and number of each pack that is not full, sorted
    for sequence in np.argsort(-np.asarray(lengths), kind="stable").tolist():
        length = lengths[sequence]
        place = bisect_left(rooms, (length, -1))
        if place == len(rooms):
            room, pack = capacity, len(packs)
            packs.append([])
        else:
            room, pack = rooms.pop(place)
        packs[pack].append(sequence)
        if room > length:
            insort(rooms, (room - length, pack))
    return packs
