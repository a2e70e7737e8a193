"""What `clean` knows of each text that it kept, in a file of its findings: beside the dataset, derived from it.

texts.parquet    for each row of the cleaned dataset, in its order: the key of its text (see `records.text_key`), and
                 the size of its canonical form in bytes

`split` draws by the key. With this file it does not have to read and hash all texts; without it it does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.shared.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

TEXTS_FILE: Final = "texts.parquet"
KEY_BYTES: Final = 16


def kept_texts_writer(directory: Path) -> parquet.ParquetWriter:
    """What takes tables of keys and sizes."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([("key", pa.binary(KEY_BYTES)), ("size", pa.int32())])
    # Keys are random: nothing is gained by compressing them, or by looking for equal ones.
    return parquet.ParquetWriter(
        directory / TEXTS_FILE,
        schema,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
    )


def read_kept_texts(directory: Path, rows: int) -> pa.Table | None:
    """The columns `key` and `size` of so many rows; None if there is no such file.

    Raises:
        UserError: if the file is damaged, or of other rows.
    """
    import pyarrow as pa
    from pyarrow import parquet

    path = directory / TEXTS_FILE
    if not path.is_file():
        return None
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(["key", "size"])
    except (pa.ArrowInvalid, OSError) as error:
        raise _unusable(path, f"cannot be read ({error})") from error
    if len(table) != rows:
        raise _unusable(path, f"is of {len(table):,} rows, not {rows:,}")
    return table


def _unusable(path: Path, what: str) -> UserError:
    return UserError(what, where=str(path), remedy="run `clean` again")
