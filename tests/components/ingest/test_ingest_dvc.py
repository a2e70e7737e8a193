"""What a revision of a repository holds: files in git, and what real DVC tracks, from its remote."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from components.resolve.source import pin_sources
from components.shared import dvc_files
from components.shared.dvc_source import DvcAddress
from components.shared.errors import RetryError, UserError
from components.shared.http_source import Rules

BAD, GOOD = "text,label\nbad,neg\nworse,neg\n", "text,label\ngood,pos\n"


class Repository:
    """A git repository with DVC, whose remote is a directory."""

    def __init__(self, path: Path, remote: str) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.write(".dvc/config", f"[core]\n    remote = origin\n['remote \"origin\"']\n    url = {remote}\n")
        self.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")

    def git(self, *words):
        return subprocess.run(["git", *words], cwd=self.path, check=True, capture_output=True, text=True).stdout.strip()

    def dvc(self, *words):
        subprocess.run([Path(sys.executable).with_name("dvc"), *words], cwd=self.path, check=True, capture_output=True)

    def write(self, name, text):
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def commit(self, tag):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", tag)
        self.git("tag", "--annotate", "--message", tag, tag)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Repository:
    """v1: a DVC file, a DVC directory and a file in git; v2: the DVC file has changed."""
    place = tmp_path_factory.mktemp("dvc")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
            patch.setenv(name, "Test")
        for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
            patch.setenv(name, "test@example.org")
        repository = Repository(place / "repository", str(place / "remote"))
        repository.write("data/one.csv", BAD + GOOD.partition("\n")[2])
        repository.write("data/many/b.csv", BAD)
        repository.write("data/many/deep/g.csv", GOOD)
        repository.write("data/in_git.csv", BAD + "x,pos\n")
        repository.dvc("add", "--quiet", "data/one.csv", "data/many")
        repository.commit("v1")
        repository.write("data/one.csv", BAD + "new,pos\n")
        repository.dvc("add", "--quiet", "data/one.csv")
        (repository.path / "data/link.csv").symlink_to("/etc/passwd")
        repository.commit("v2")
        repository.dvc("push", "--quiet", "--all-tags")
    return repository


def texts(ingest, reference, **options):
    return [row["text"] for row in ingest.reference(reference, **options).rows]


def test_a_file_a_directory_and_what_lies_in_git(ingest, made):
    address = f"dvc+{made.path}//data"
    assert texts(ingest, pin_sources(f"{address}/one.csv@v1", {})) == ["bad", "worse", "good"]
    assert texts(ingest, pin_sources(f"{address}/many@v1", {})) == ["bad", "worse", "good"]
    assert texts(ingest, pin_sources(f"{address}/in_git.csv@v1", {})) == ["bad", "worse", "x"]
    everything = pin_sources(f"{address}@v1", {})
    assert texts(ingest, everything, meta_columns="file") == [
        "bad",
        "worse",
        "x",
        "bad",
        "worse",
        "good",
        "bad",
        "worse",
        "good",
    ]
    with pytest.raises(UserError, match="all 1 rows"):
        texts(ingest, pin_sources(f"{address}/many/deep/g.csv@v1", {}))


def test_a_revision_is_pinned_to_its_commit(ingest, made):
    address = f"dvc+{made.path}//data/one.csv"
    first = pin_sources(f"{address}@v1", {})
    assert first == f"{address}#commit={made.git('rev-parse', 'v1^{commit}')}"
    newest = made.git("rev-parse", "HEAD")
    assert pin_sources(f"{address}@main", {}) == pin_sources(address, {}) == f"{address}#commit={newest}"
    assert pin_sources(f"{address}@{newest}", {}).endswith(newest)
    assert texts(ingest, pin_sources(address, {})) == ["bad", "worse", "new"]


def test_a_link_in_a_repository_leads_nowhere(ingest, made):
    with pytest.raises(UserError, match=r"link\.csv: no column 'text'; the columns are '/etc/passwd'"):
        texts(ingest, pin_sources(f"dvc+{made.path}//data@v2", {}), files="link.csv")


@pytest.mark.parametrize(
    ("stage", "path", "pipeline"),
    [
        ("make", "out.csv", ""),
        ("make", "../out.csv", "stages: {make: {wdir: work, cmd: make}}"),
        ("make@one", "../out.csv", "stages: {make: {foreach: [one], do: {wdir: work, cmd: make}}}"),
    ],
)
def test_what_a_pipeline_made(ingest, made, tmp_path, stage, path, pipeline):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", made.path, clone], check=True)
    md5 = next((made.path / "data").glob("one.csv.dvc")).read_text().split("md5: ")[1].split()[0]
    lock = f"schema: '2.0'\nstages:\n  {stage}:\n    outs:\n    - {{path: {path}, hash: md5, md5: {md5}}}\n"
    (clone / "dvc.lock").write_text(lock)
    (clone / "dvc.yaml").write_text(pipeline or "stages: {}")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=clone, check=True)
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "lock"], cwd=clone, check=True)
    assert texts(ingest, pin_sources(f"dvc+{clone}//out.csv", {})) == ["bad", "worse", "new"]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("dvc+/no/such//data.csv", "no git repository"),
        ("dvc+{made}//data/one.csv@v9", "has no revision 'v9'"),
        ("dvc+{made}", "names no file of a repository"),
        ("dvc+{made}//../secret", "names no file of a repository"),
        ("dvc+{made}//data@--upload-pack=x", "names no file of a repository"),
        ("dvc+https://me:secret@example.org/r.git//x", "the address holds a password"),
    ],
)
def test_addresses_that_lead_nowhere(made, uri, message):
    with pytest.raises(UserError) as caught:
        pin_sources(uri.format(made=made.path), {})
    assert message in caught.value.line


def test_a_path_that_the_revision_does_not_have(ingest, made):
    with pytest.raises(UserError, match=r"has no nothing\.csv\. Correct path or revision"):
        texts(ingest, pin_sources(f"dvc+{made.path}//nothing.csv@v1", {}))


@pytest.fixture
def spoilt(made, tmp_path):
    """Makes a copy of the repository whose configuration or pointers are changed."""
    clone = tmp_path / "spoilt"
    subprocess.run(["git", "clone", "--quiet", made.path, clone], check=True)

    def change(name, old, new):
        text = (clone / name).read_text()
        assert old in text
        (clone / name).write_text(text.replace(old, new))
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, "commit", "--quiet", "--all", "--message", "x"], cwd=clone, check=True)
        return pin_sources(f"dvc+{clone}//data/one.csv", {})

    return change


@pytest.mark.parametrize(
    ("name", "old", "new", "kind", "message"),
    [
        (".dvc/config", "url = /", "url = gs:///", UserError, "a DVC remote of the kind gs is not read here"),
        (".dvc/config", "remote = origin", "", UserError, "no default DVC remote"),
        (".dvc/config", "[core]", "[core", UserError, "no default DVC remote"),
        ("data/one.csv.dvc", "outs:", "outs: [", UserError, "one.csv.dvc cannot be read"),
        ("data/one.csv.dvc", "md5: ", "md5: ../../../", UserError, "one.csv.dvc cannot be read"),
        (".dvc/config", "/remote", "/elsewhere", UserError, "no such object"),
    ],
)
def test_repositories_that_are_spoilt(ingest, spoilt, name, old, new, kind, message):
    with pytest.raises(kind) as caught:
        texts(ingest, spoilt(name, old, new))
    assert message in caught.value.line


def test_a_remote_whose_path_begins_beside_its_configuration(ingest, made, spoilt, tmp_path):
    remote = made.path.parent / "remote"
    reference = spoilt(".dvc/config", str(remote), os.path.relpath(remote, tmp_path / "spoilt" / ".dvc"))
    assert texts(ingest, reference) == ["bad", "worse", "new"]


def test_a_path_on_the_machine_of_the_owner(tmp_path):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    remote = a\n['remote \"a\"']\n    url = ../../store\n")
    address = DvcAddress.parse("dvc+https://example.org/r.git//x.csv", "source")
    with pytest.raises(UserError, match=r"its DVC remote is the path \.\./\.\./store on the machine of its owner"):
        dvc_files._remote(tmp_path, Path(), address, Rules(), "source")


def test_a_project_in_a_folder_of_a_repository(ingest, spoilt, tmp_path):
    reference = spoilt("data/in_git.csv", "text", "words")
    clone = tmp_path / "spoilt"
    (clone / ".dvc").rename(clone / "data" / ".dvc")
    subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@x.org", "add", "--all"], cwd=clone, check=True)
    reference = spoilt("data/in_git.csv", "words", "text")
    assert texts(ingest, reference) == ["bad", "worse", "new"]


@pytest.mark.parametrize("listed", ["[{}]", "5", "[", '[{"relpath": "x", "md5": "../../x"}]'])
def test_a_directory_whose_list_is_none(ingest, made, spoilt, listed):
    md5 = hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest()
    path = made.path.parent / "remote" / "files" / "md5" / md5[:2] / f"{md5[2:]}.dir"
    path.parent.mkdir(exist_ok=True)
    path.write_text(listed)
    (old,) = re.findall(r"md5: (\w{32})", (made.path / "data" / "one.csv.dvc").read_text())
    with pytest.raises(UserError, match=r"data/one\.csv has a list of files that cannot be read"):
        texts(ingest, spoilt("data/one.csv.dvc", f"md5: {old}", f"md5: {md5}.dir"))


def test_an_object_that_is_damaged_in_the_remote(ingest, made, tmp_path):
    reference = pin_sources(f"dvc+{made.path}//data/one.csv@v1", {})
    objects = [path for path in (made.path.parent / "remote").rglob("*") if path.is_file()]
    (broken,) = [
        path for path in objects if path.read_bytes().endswith(b"good,pos\n") and b"worse" in path.read_bytes()
    ]
    whole = broken.read_bytes()
    broken.chmod(0o644)
    broken.write_bytes(whole[:-1])
    try:
        with pytest.raises(RetryError, match=r"data/one\.csv is not what its pointer names"):
            texts(ingest, reference)
    finally:
        broken.write_bytes(whole)


def test_a_remote_in_s3(ingest, made, s3, spoilt):
    from components.shared.objects import open_store, upload_tree

    upload_tree(open_store(s3), made.path.parent / "remote" / "files", "files")
    reference = spoilt(".dvc/config", f"url = {made.path.parent}/remote", f"url = {s3}")
    assert texts(ingest, reference) == ["bad", "worse", "new"]
    reference = spoilt(".dvc/config", f"url = {s3}", f"url = {s3}\n    endpointurl = http://elsewhere:9000")
    with pytest.raises(UserError, match="Set AWS_ENDPOINT_URL=http://elsewhere:9000"):
        texts(ingest, reference)
