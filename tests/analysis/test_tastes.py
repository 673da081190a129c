"""Axes of tastes as `pca` shows them: named or not and why, and the items at their poles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embedcli.analysis.pca import pca
from embedcli.analysis.tastes import may_be_scale, pole_name, why_unnamed
from embedcli.render.pca import view
from embedcli.run.record import Run, TasteAxis, TasteWord

ACTION = TasteWord("Action", "tag", 0.9, is_kept=True)
HOLDS = TasteAxis(t=9.0, slope=1.0, share=0.01, p=0.01, z=8.0, halves=0.8, words=(ACTION,))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"t": 2.9}, "does not predict"),
        ({"slope": 0.4}, "claims too much"),
        ({"p": 0.03}, "permuted words (p .030)"),
        ({"words": (replace(ACTION, is_kept=False),)}, "the halves"),
        ({"words": ()}, "the halves"),
        ({"goes_with": "time: a drift, not a taste"}, "goes with time"),
    ],
)
def test_an_axis_is_named_if_it_passes_every_test(change: dict[str, Any], why: str | None) -> None:
    """An axis that fails one of its tests has no name, and the reason says which."""
    reason = why_unnamed(replace(HOLDS, **change))
    assert reason == why or (why is not None and reason is not None and why in reason)


def test_liking_the_well_liked_may_be_the_scale() -> None:
    """An axis that goes with the use of the scale has a name only if the bias is among its words: then it says both."""
    bias = TasteWord("bias", "number", 0.8, is_kept=True)
    scale = replace(HOLDS, goes_with="the use of the scale")
    assert why_unnamed(scale) == "it goes with the use of the scale, not a taste"
    assert why_unnamed(replace(scale, words=(ACTION, bias))) is None
    assert may_be_scale(replace(scale, words=(ACTION, bias)))
    assert not may_be_scale(replace(HOLDS, words=(ACTION, bias)))


def test_poles_are_named_by_the_words_that_hold() -> None:
    """A tag names the pole of its sign, a number both; a word that the halves do not agree on names none."""
    words = (ACTION, TasteWord("year", "number", -0.5, is_kept=True), TasteWord("War", "tag", -0.4, is_kept=False))
    assert pole_name(words, is_positive=True) == ("Action", "older")
    assert pole_name(words, is_positive=False) == ("newer",)
    assert pole_name((ACTION,), is_positive=False) == ("mixed",)


def test_pca_shows_the_axis_and_its_films(trained: Run) -> None:
    """The planted axis of tastes is expressed by the components, and the films at its poles carry its words."""
    tastes = pca(trained, limit=4).tastes
    assert tastes is not None
    card = tastes.cards[0]
    assert {*card.positive_name, *card.negative_name} == {"Action", "Romance"}
    assert card.r > 0.9
    for name, pole in ((card.positive_name[0], card.positive), (card.negative_name[0], card.negative)):
        rows = [trained.items.ids.index(item.id) for item in pole]
        assert all(trained.items.tags[row] == (name,) for row in rows)
    assert tastes.share == pytest.approx(sum(own.share for own in tastes.cards if own.unnamed is None))
    assert tastes.embedding_share is not None


def test_films_at_a_named_pole_have_a_tag_of_its_name(trained: Run) -> None:
    """Also a film that the embeddings place beyond the others is not shown at a pole whose tags it does not have."""
    farthest = pca(trained, limit=1).tastes
    assert farthest is not None
    card = farthest.cards[0]
    row = trained.items.ids.index(card.positive[0].id)
    bare = tuple(() if other == row else own for other, own in enumerate(trained.items.tags))
    without = pca(replace(trained, items=replace(trained.items, tags=bare)), limit=1).tastes
    assert without is not None
    assert without.cards[0].positive[0].id != card.positive[0].id


def test_users_stand_beside_what_appeals_to_them(trained: Run) -> None:
    """Beside the axes of a table of users stand films, those with the most appeal to the users at that pole."""
    tastes = pca(trained.table("users"), limit=2).tastes
    assert tastes is not None
    scores = trained.array("tastes_users_appeal")[0]
    card = tastes.cards[0]
    assert {item.title for pole in (card.positive, card.negative) for item in pole} <= set(trained.items.titles)
    best = {trained.items.ids[row] for row in (scores.argmax(), scores.argmin())}
    assert {card.positive[0].id, card.negative[0].id} == best


def test_numbers_come_only_if_asked(trained: Run) -> None:
    """With numbers the axes are others, stored beside the first; a run without evidence has none of either."""
    plain, with_numbers = (pca(trained, with_numbers=given).tastes for given in (False, True))
    assert plain is not None
    assert with_numbers is not None
    assert with_numbers.n_words == plain.n_words + 3
    bare = replace(trained, training=replace(trained.training, tastes=()))
    assert pca(bare).tastes is None


def test_rows_hold_components_and_tastes(trained: Run) -> None:
    """The flat rows have the same keys for both; a row is of a component or of an axis of tastes."""
    rows = pca(trained, limit=2).rows()
    assert len({tuple(row) for row in rows}) == 1
    assert all((row["component"] is None) != (row["taste"] is None) for row in rows)
    scores = np.array([row["score"] for row in rows if row["taste"] == 1 and row["pole"] == "+"])
    assert (np.diff(scores) <= 0).all()


def test_what_was_not_tested_is_said(trained: Run) -> None:
    """Without tags the view says that none could be tested; without axes of any kind, as of implicit data, nothing."""
    without_tags = [tastes for tastes in trained.training.tastes if tastes.of != "items"]
    for tastes, expected in ((without_tags, True), ([], False)):
        run = replace(trained, training=replace(trained.training, tastes=tastes))
        shown = view(pca(run), run).blocks
        assert any("no tag that 20 films have" in text for block in shown for _, text in block.lines) == expected
        assert any(block.heading.startswith("What tastes go by") for block in shown) == expected
