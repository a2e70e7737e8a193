"""What `near_duplicates.py` compares: each contender reads a Parquet file and gives the ids of the rows to keep.

All are asked for pairs of words as shingles and for a similarity of .7, where they can be asked. What they do by
default decides the rest, so most of them do not verify what their bands let through.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

THRESHOLD = 0.7
PERMUTATIONS = 128
WORD = re.compile(r"\w+")


def texts_of(corpus: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts, a few at a time in memory."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(corpus).iter_batches(1024, columns=["id", "text"]):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def word_pairs(text: str) -> list[str]:
    """The shingles for contenders that want to be given them."""
    return [f"{one} {other}" for one, other in pairwise(WORD.findall(text.lower()))]


def evertune(corpus: Path, scratch: Path) -> Iterable[str]:
    """Exact and near-duplicates as `clean` finds them, from texts to the rows to keep."""
    import numpy as np

    from components.clean.near_duplicates import similar_pairs
    from components.clean.signatures import SignatureIndex, SignatureWriter
    from components.shared.records import text_key

    writer, seen, ids, first, waiting = SignatureWriter(scratch), set(), [], [], []
    for number, text in texts_of(corpus):
        key = text_key(text)
        first.append(key not in seen)
        seen.add(key)
        ids.append(number)
        waiting.append(text)
        if len(waiting) == 1024:
            writer.add(waiting)
            waiting = []
    writer.add(waiting)
    writer.finish()
    live = np.array(first)
    pairs = np.concatenate(list(similar_pairs(SignatureIndex([scratch]), live, THRESHOLD, scratch)))
    live[pairs[:, 0]] = False
    return [ids[row] for row in np.flatnonzero(live)]


def evertune_clean(corpus: Path, scratch: Path) -> Iterable[str]:
    """The whole step with its default operations; writing the raw dataset counts too."""
    from components.clean.config import Config
    from components.clean.core import run
    from components.shared.datasets import Dataset, DatasetWriter

    for name in ("raw", "cleaned", "findings"):
        (scratch / name).mkdir()
    writer = DatasetWriter(scratch / "raw", {"text": "string", "meta": {"number": "string"}})
    for number, text in texts_of(corpus):
        writer.write({"text": text, "meta": {"number": number}})
    writer.finish()
    outputs = {name: scratch / name for name in ("cleaned", "findings", "report")}
    run(Config(raw=scratch / "raw", task="causal_lm", near_duplicate_similarity=THRESHOLD, **outputs))
    return [row["meta"]["number"] for row in Dataset(scratch / "cleaned").rows()]


def datasketch(corpus: Path, scratch: Path) -> Iterator[str]:
    """An index of MinHash signatures, asked about each text before it is put in."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    for number, text in texts_of(corpus):
        signature = MinHash(num_perm=PERMUTATIONS)
        signature.update_batch([pair.encode() for pair in set(word_pairs(text))])
        if not index.query(signature):
            index.insert(number, signature)
            yield number


def rensa(corpus: Path, scratch: Path) -> Iterator[str]:
    """The deduplicator of the library with 16 bands."""
    from rensa import RMinHash, RMinHashDeduplicator

    index = RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, True, 16, 42)
    ids, texts = zip(*texts_of(corpus), strict=True)
    for begin in range(0, len(ids), 4096):
        chosen = slice(begin, begin + 4096)
        signatures = RMinHash.from_token_sets([word_pairs(text) for text in texts[chosen]], PERMUTATIONS, 42)
        for number, signature in zip(ids[chosen], signatures, strict=True):
            if index.add(number, signature):
                yield number


def gaoya(corpus: Path, scratch: Path) -> Iterator[str]:
    """An index that cuts texts into words itself, in Rust."""
    from gaoya.minhash import MinHashStringIndex

    index = MinHashStringIndex(32, THRESHOLD, 32, 4, None, "word", True, (2, 2), "vec")
    for number, (name, text) in enumerate(texts_of(corpus)):
        if not index.query(text):
            yield name
        index.insert_document(number, text)


def datatrove(corpus: Path, scratch: Path) -> Iterator[str]:
    """The four stages of the library, with words cut at white space."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.word_tokenizers import WhitespaceTokenizer

    class Split(WhitespaceTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return text.split()

    config, at = MinhashConfig(n_grams=2), {name: str(scratch / name) for name in ("sig", "buckets", "remove", "kept")}
    reader = ParquetReader(str(corpus.parent), glob_pattern=corpus.name, text_key="text", id_key="id")
    stages: list[tuple[list[Any], int]] = [
        ([reader, MinhashDedupSignature(at["sig"], config=config, language=Split())], 1),
        ([MinhashDedupBuckets(at["sig"], at["buckets"], config=config)], config.num_buckets),
        ([MinhashDedupCluster(at["buckets"], at["remove"], config=config)], 1),
        ([reader, MinhashDedupFilter(at["remove"]), JsonlWriter(at["kept"], compression=None)], 1),
    ]
    for number, (stage, tasks) in enumerate(stages):
        LocalPipelineExecutor(stage, tasks=tasks, workers=1, logging_dir=str(scratch / f"logs-{number}")).run()
    for file in sorted(Path(at["kept"]).glob("*.jsonl")):
        for line in file.read_text().splitlines():
            yield json.loads(line)["id"]


def text_dedup(corpus: Path, scratch: Path) -> Iterator[str]:
    """The command `python -m text_dedup.minhash`."""
    from datasets import load_from_disk
    from text_dedup import minhash

    flags = {
        "path": "parquet",
        "data_files": corpus,
        "split": "train",
        "cache_dir": scratch / "cache",
        "output": scratch / "kept",
        "column": "text",
        "batch_size": 10_000,
        "num_proc": 1,
        "ngram": 2,
        "num_perm": PERMUTATIONS,
        "threshold": THRESHOLD,
        "hash_func": "xxh3",
        "hash_bits": 32,
    }
    minhash.main([f"--{name}={value}" for name, value in flags.items()], standalone_mode=False)
    yield from load_from_disk(str(scratch / "kept"))["id"]


def data_prep_kit(corpus: Path, scratch: Path) -> Iterator[str]:
    """Fuzzy deduplication in plain Python."""
    from dpk_fdedup.transform_python import Fdedup
    from pyarrow import parquet

    (scratch / "in").mkdir()
    table = parquet.read_table(corpus, columns=["id", "text"])
    columns = {"int_id_column": table["id"].cast("int64"), "contents": table["text"]}
    parquet.write_table(table.from_pydict(columns), scratch / "in" / "corpus.parquet")
    status = Fdedup(
        input_folder=str(scratch / "in"),
        output_folder=str(scratch / "out"),
        contents_column="contents",
        document_id_column="int_id_column",
        num_permutations=112,
        num_bands=14,
        num_minhashes_per_band=8,
        word_shingle_size=2,
        jaccard_similarity_threshold=THRESHOLD,
        operation_mode="filter_duplicates",
    ).transform()
    assert status == 0
    for file in (scratch / "out" / "cleaned").rglob("*.parquet"):
        yield from parquet.read_table(file)["int_id_column"].to_pylist()


OURS = (evertune, evertune_clean)
PEERS = (gaoya, rensa, datasketch, datatrove, text_dedup, data_prep_kit)
CONTENDERS: dict[str, Callable[[Path, Path], Iterable[str]]] = {one.__name__: one for one in (*OURS, *PEERS)}


def main() -> None:
    """Runs the contender that the first argument names; the others are the corpus and where the ids go."""
    name, corpus, kept = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        ids = list(CONTENDERS[name](Path(corpus).resolve(), Path(scratch)))
    Path(kept).write_text(json.dumps(ids))


if __name__ == "__main__":
    main()
