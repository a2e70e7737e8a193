"""Files and directories are whole or absent; digests see names and contents."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from components.shared.files import (
    files_under,
    scratch_directory,
    sha256_of,
    staged_directory,
    tree_digest,
    write_atomically,
)
from tests.processes import wait_for


def test_atomic_write_replaces_and_leaves_nothing_beside(tmp_path):
    write_atomically(tmp_path / "a", b"one")
    write_atomically(tmp_path / "a", b"two")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"two")]


def test_staged_directory_appears_at_the_end(tmp_path):
    with staged_directory(tmp_path / "out") as staged:
        (staged / "a").write_text("x")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]


def fail_within(path):
    with staged_directory(path) as staged:
        (staged / "new").write_text("x")
        raise RuntimeError


def test_staged_directory_is_gone_after_an_error_and_the_old_one_stays(tmp_path):
    with staged_directory(tmp_path / "out") as staged:
        (staged / "old").write_text("x")
    with pytest.raises(RuntimeError):
        fail_within(tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_leftover_of_a_killed_run_is_no_part_of_the_next(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "half").write_text("x")
    with staged_directory(tmp_path / "out") as staged:
        (staged / "a").write_text("x")
    assert [path.name for path in files_under(tmp_path)] == ["a"]


# One process and nothing that it starts: when it is killed nobody writes any more.
WRITING = """
import itertools, os, sys
for number in itertools.count():
    try:
        os.makedirs(f"{sys.argv[1]}/a", exist_ok=True)
        open(f"{sys.argv[1]}/a/{number}", "w").close()
    except OSError:
        pass  # it was removed between the two
"""


def test_scratch_directory_is_empty_although_something_still_writes_into_an_older_one(tmp_path):
    left = tmp_path / ".out.old.scratch"
    with subprocess.Popen([sys.executable, "-IS", "-c", WRITING, str(left)]) as orphan:
        try:
            wait_for(left.exists)
            for _ in range(20):
                with scratch_directory(tmp_path / "out") as scratch:
                    assert list(scratch.iterdir()) == []
                assert not scratch.exists()
        finally:
            orphan.kill()
    with scratch_directory(tmp_path / "out"):
        assert not left.exists()


def test_staged_directory_replaces_all_of_an_older_one(tmp_path):
    for name in ("old", "new"):
        with staged_directory(tmp_path / "out") as staged:
            (staged / name).write_text("x")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]


def test_files_under_leaves_out_hidden_files_and_bytecode(tmp_path):
    for name in ("b/c", "a", ".git/x", "d/.hidden", "d/__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in files_under(tmp_path)] == ["a", "b/c"]


def test_sha256_of_a_file_larger_than_a_chunk(tmp_path):
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(data).hexdigest() == tree_digest(tmp_path / "a")


@pytest.mark.parametrize("change", ["rename", "edit", "add", "move"])
def test_tree_digest_sees_every_change(tmp_path, change):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_text("x")
    before = tree_digest(tmp_path)
    if change == "rename":
        (tmp_path / "a").rename(tmp_path / "b")
    elif change == "edit":
        (tmp_path / "a").write_text("y")
    elif change == "add":
        (tmp_path / "sub" / "b").touch()
    else:
        (tmp_path / "a").rename(tmp_path / "sub" / "a")
    assert tree_digest(tmp_path) != before
