"""Tags as tables write them: what a field holds comes out, and nothing that cannot be kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedcli.data.text import split_tags

MANY = 100_000


@pytest.mark.parametrize(
    ("field", "tags"),
    [
        ("Action|Sci-Fi", ("Action", "Sci-Fi")),
        ("A; B", ("A", "B")),
        ("A, B,, A", ("A", "B")),
        ("['Rock', \"Children's\"]", ("Rock", "Children's")),
        ('["Rock", "Children\'s", null, true]', ("Rock", "Children's", "True")),
        ("[{'id': 1, 'name': 'Drama'}, {'id': 2}]", ("Drama",)),
        ('[{"id": 1, "name": "Drama", "x": null}]', ("Drama",)),
        (json.dumps(["🎉 party", "é"]), ("🎉 party", "é")),
        (str(["🎉 party", "\ud83c\udf89"]), ("🎉 party", "🎉")),
        ('["\\ud800", "a\\udfffb"]', ("\ufffd", "a\ufffdb")),
        ('["a|b", "|", " ", "\'"]', ("a/b", "/")),
        ("'\"", ()),
        (r"['\d, x']", (r"\d, x",)),
        ("[REC]", ("REC",)),
        ("(no genres listed)", ()),
    ],
)
def test_a_field_is_split(field: str, tags: tuple[str, ...]) -> None:
    """Separators, lists as JSON and Python write them and named objects are read, every letter of them."""
    assert split_tags(field) == tags


@pytest.mark.parametrize(
    ("field", "tags"),
    [
        ("[1 is 1]", ("1 is 1",)),
        ("[{[]: 1}]", ("{[]: 1}",)),
        ("[{{}: 1}, 2]", ("{{}: 1}", "2")),
        (r"['\d', b]", (r"\d", "b")),
        ("[1 +", ("1 +",)),
        ("[" * 300, ()),
        ("[" * MANY, ()),
        ("[" * MANY + "]" * MANY, ()),
        ("[9or 1]", ("9or 1",)),
        ("[\0]", ("\0",)),
    ],
)
def test_what_is_no_list_is_split_as_words(field: str, tags: tuple[str, ...]) -> None:
    """What begins like a list and is none raises and warns of nothing: it is split like any other field."""
    assert split_tags(field) == tags


@given(st.one_of(st.text(alphabet="[]{}'\"\\|,;:u12d8 aé🎉\ud800", max_size=20), st.lists(st.text()).map(str)))
def test_every_tag_can_be_kept(field: str) -> None:
    """Whatever the field, no tag is empty, holds the mark between tags, or is not text."""
    for tag in split_tags(field):
        assert tag.strip() == tag != ""
        assert "|" not in tag
        tag.encode()
