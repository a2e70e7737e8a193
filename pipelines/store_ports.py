"""The ports of the embedded store: a block that is free, the same one at each start if it can be had."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

SERVICES: Final = ("s3", "master", "volume", "filer", "admin")
GRPC_OFFSET: Final = 10_000
"""SeaweedFS takes for each service its HTTP port and the one this far above."""
LOWEST, HIGHEST = 10_300, 22_000
"""First port of the block; below the ports that systems give to outgoing connections, the upper ones too."""
SOCKETS = Path("/tmp")  # noqa: S108 - where SeaweedFS has them, whatever TMPDIR says
"""Directory of the Unix sockets that SeaweedFS makes, named by its ports."""


def free_blocks(last: int | None) -> Iterator[int]:
    """First ports of blocks that are free, first the one of the last start if it can be had."""
    candidates = [last] if last else []
    candidates += random.sample(range(LOWEST, HIGHEST, len(SERVICES)), 100)
    blocked = _of_others()
    for base in candidates:
        ports = [base + place + extra for place in range(len(SERVICES)) for extra in (0, GRPC_OFFSET)]
        if blocked.isdisjoint(ports) and all(map(_free, ports)):
            yield base


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _of_others() -> set[int]:
    """Ports with a Unix socket that another user's server left when it was killed: only root can replace it."""
    found = set()
    for path in SOCKETS.glob("seaweedfs-*.sock"):
        with suppress(OSError, ValueError):
            if os.getuid() not in (0, path.stat().st_uid):
                found.add(int(path.stem.rpartition("-")[2]))
    return found
