"""What memory splitting takes: told from what `clean` left, before anything is read.

Rows are read, written and checked a few at a time. What stays is some bytes for each row and each id of a cluster, and
for each split the rows that wait until their shard ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from components.shared.datasets import ALL, Dataset
from components.shared.errors import UserError
from components.split.config import Config

PROCESS_MB: Final = 232
"""Python and its libraries, and what short rows take a few at a time."""
ROW_BYTES: Final = 80
SINGLE_ROW_BYTES: Final = 600
"""The same where rows are looked at one by one: for groups, strata, labels and what is made of rows."""
GROUP_BYTES: Final = 300
"""More for each row that may have a group of its own."""
MADE_BYTES: Final = 20
"""For each row that is made of another one."""
CLUSTER_BYTES: Final = 12
"""For each byte of clusters.json."""
SHARDS: Final = 9
"""As much as so many shards of the cleaned rows: those that wait, and what one of them becomes on its way to a file."""


def check_memory(config: Config, cleaned: Dataset) -> None:
    """Raises UserError when the rows need more memory than splitting may take."""
    rows = cleaned.manifest.rows(ALL)
    least = PROCESS_MB + (needed(config, cleaned, config.findings / "clusters.json") >> 20)
    if config.memory_mb < least:
        raise UserError(
            f"{config.memory_mb} MB are too little for {rows:,} rows",
            where="split.memory_mb",
            remedy=f"give at least {least}, and a machine that has so much",
        )


def needed(config: Config, cleaned: Dataset, clusters: Path) -> int:
    """Bytes that grow with the rows."""
    one_by_one = config.group_column or config.stratify or config.frozen_test or config.augment
    row_bytes = SINGLE_ROW_BYTES if one_by_one or config.balance != "none" else ROW_BYTES
    row_bytes += GROUP_BYTES if config.group_column else 0
    row_bytes += MADE_BYTES * config.augment_copies if config.augment else 0
    found = cleaned.manifest.rows(ALL) * row_bytes
    found += clusters.stat().st_size * CLUSTER_BYTES if clusters.exists() else 0
    shards = (cleaned.directory / shard.file for shard in cleaned.manifest.splits[ALL])
    return found + SHARDS * max(map(_bytes_of, shards), default=0)


def _bytes_of(shard: Path) -> int:
    """Bytes of a shard's rows, which its footer tells."""
    from pyarrow import parquet

    metadata = parquet.read_metadata(shard)
    return sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
