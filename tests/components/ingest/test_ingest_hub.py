"""Datasets of the Hugging Face Hub, from a small server that speaks its protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from components.resolve.source import pin_sources
from components.shared.errors import RetryError, UserError
from tests.hub_server import HubHandler, serving

COMMIT, OLD = "a" * 40, "0" * 40
FILES = {
    "README.md": b"# card",
    ".gitattributes": b"",
    "reviews.py": b"raise SystemExit('code of a dataset was run')",
    "data/train.jsonl": b'{"text": "bad", "label": 0}\n{"text": "good", "label": 1}\n',
    "data/test.csv": b"text,label\nfine,1\n",
}


def git_digest(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Hub(HubHandler):
    """Serves the dataset `owner/reviews` at two commits; files of the tree `lfs` are large ones."""

    files = FILES
    lfs: tuple[str, ...] = ("data/train.jsonl",)
    damaged = ""

    def answer(self, *, with_body):
        path = self.path.partition("?")[0]
        base = "/api/datasets/owner/reviews"
        if path in (base, f"{base}/revision/main", f"{base}/revision/{COMMIT}"):
            self.send_json(self.info(COMMIT), with_body=with_body)
        elif path in (f"{base}/revision/v1", f"{base}/revision/{OLD}"):
            self.send_json(self.info(OLD), with_body=with_body)
        elif path.startswith("/datasets/owner/reviews/resolve/"):
            commit, _, name = path.removeprefix("/datasets/owner/reviews/resolve/").partition("/")
            data = self.files[name]
            headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
            self.send(200, headers, b"x" * len(data) if name == self.damaged else data, with_body=with_body)
        else:
            self.send_missing("RepoNotFound", with_body=with_body)

    def info(self, commit):
        siblings = []
        for name, data in self.files.items():
            item = {"rfilename": name, "size": len(data), "blobId": git_digest(data)}
            if name in self.lfs:
                item["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            siblings.append(item)
        return {"id": "owner/reviews", "sha": commit, "siblings": siblings}


@pytest.fixture
def hub(monkeypatch) -> Iterator[type[Hub]]:
    handler = type("Handler", (Hub,), {})
    with serving(handler) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield handler


def test_a_dataset_is_pinned_to_a_commit_and_its_data_files_are_read(ingest, hub):
    reference = pin_sources("hf://datasets/owner/reviews", {})
    assert reference == f"hf://owner/reviews#commit={COMMIT}"
    assert pin_sources("hf://owner/reviews@v1", {}).endswith(OLD)
    result = ingest.reference(reference, files="*.jsonl,*.csv", meta_columns="file")
    assert [(row["meta"]["file"], row["text"]) for row in result.rows] == [
        ("test", "fine"),
        ("train", "bad"),
        ("train", "good"),
    ]


def test_a_local_copy_of_a_dataset_is_read_like_a_folder(ingest):
    result = ingest({name: data for name, data in FILES.items() if data}, files="data/*")
    assert [row["text"] for row in result.rows] == ["fine", "bad", "good"]


def test_code_of_a_dataset_is_never_run(ingest, hub):
    with pytest.raises(UserError, match=r"reviews\.py: \.py is not a known format"):
        ingest.reference(pin_sources("hf://owner/reviews", {}), files="*.py,*.csv")


@pytest.mark.parametrize("name", ["data/train.jsonl", "data/test.csv"])
def test_bytes_that_are_not_what_the_hub_says(ingest, hub, name):
    hub.damaged = name
    with pytest.raises(RetryError, match=f"{name} is not what the hub says"):
        ingest.reference(pin_sources("hf://owner/reviews", {}), files=name)


def test_a_file_that_leads_out_of_its_folder(ingest, hub, tmp_path):
    hub.files = {"../../hub_escape.csv": FILES["data/test.csv"], "x/../../hub_escape.csv": FILES["data/test.csv"]}
    with pytest.raises(UserError):
        ingest.reference(pin_sources("hf://owner/reviews", {}))
    assert not list(tmp_path.parent.rglob("hub_escape.csv"))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("hf://owner/none", "hf://owner/none is unknown to the hub or not open to you (HTTP 404)"),
        ("hf://owner/reviews@none", "has no revision 'none'"),
        ("hf://a/b/c", "'hf://a/b/c' is not a hub name"),
    ],
)
def test_what_the_hub_does_not_have(hub, uri, message):
    with pytest.raises(UserError) as caught:
        pin_sources(uri, {})
    assert message in caught.value.line


def test_more_than_is_allowed_is_not_downloaded(ingest, hub):
    with pytest.raises(UserError, match="more than allowed"):
        ingest.reference(pin_sources("hf://owner/reviews", {}), files="*.jsonl", max_source_gb=0.00000001)
