"""The test set of an earlier revision stays the test set though the source has become another one."""

from components.clean.config import Config as CleanConfig
from components.clean.core import run as clean
from components.ingest.config import Config as IngestConfig
from components.ingest.core import run as ingest
from components.resolve.source import pin_sources
from components.shared.datasets import Dataset
from components.split.config import Config as SplitConfig
from components.split.core import run as split
from components.version.core import run as version

TASK = "masked_lm"


def test_the_test_set_of_a_revision_is_frozen(version_config, tmp_path):
    config = version_config(("an old text for training",))
    version(config)
    table = tmp_path / "new.csv"
    rows = [f"row {n} says {word} and {n * n}" for n, word in enumerate(["yes", "no", "maybe"] * 20)]
    table.write_text("\n".join(["text", "a text of test", *rows]) + "\n")
    options = {"files": "*.parquet,*.csv", "meta_columns": "file"}
    source = pin_sources(f"dvc+{config.registry}//datasets/reviews/data@reviews/v1,{table}", options)
    raw, cleaned, findings, splits = (tmp_path / name for name in ("raw", "cleaned", "findings", "splits"))
    others = {name: tmp_path / name for name in ("evaluation_texts", "rejects")}
    ingest(IngestConfig(source_reference=source, task=TASK, raw=raw, **others, **options))
    clean(CleanConfig(raw=raw, task=TASK, cleaned=cleaned, findings=findings, report=tmp_path / "clean.html"))
    split(
        SplitConfig(
            cleaned=cleaned, findings=findings, task=TASK, splits=splits, card=tmp_path / "of-split",
            report=tmp_path / "split.html", frozen_test="file=test-*",
        )
    )  # fmt: skip
    found = Dataset(splits)
    assert [row["text"] for row in found.rows("test")] == ["a text of test"]
    assert "an old text for training" in {row["text"] for name in ("train", "validation") for row in found.rows(name)}
