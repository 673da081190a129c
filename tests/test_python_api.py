"""The Python API: names as on the command line, records as tables, and what a notebook shows."""

from __future__ import annotations

import csv
import inspect
import io
import pydoc
import re
import shlex
import traceback
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_type_hints

import numpy as np
import pandas as pd
import pytest
import typer
from conftest import Invoke

import embedcli as library
from embedcli.analysis.record import Record
from embedcli.analysis.report import report
from embedcli.cli import app
from embedcli.data.ratings import Ratings, Split
from embedcli.data.read_options import ReadOptions, ReadSettings
from embedcli.errors import EmbedcliError, UsageError
from embedcli.run.config import FIELDS, Settings, TrainConfig
from embedcli.run.record import Run

# what Python does in another way: opens a run, or a table of it, takes pairs and runs, and shows all that a record has
OPENS = {"run", "run_dir", "table", "users"}
SHOWS = {"format", "json", "output", "explain", "quiet", "dark", "size", "dpi"}
FUNCTIONS: dict[str, tuple[tuple[Callable[..., Any], ...], set[str]]] = {
    "train": (
        (library.fit, library.load_ratings, library.save_run),
        {
            "data",  # the first parameter of both
            "name",  # of the run, when it is saved
            "like",  # run.training.config
            "align_to",  # aligned
            "resume",  # fit(checkpoint=Checkpoint(folder, resume=True))
            "lr_find",  # learning_rates(*try_rates(split, config)), of analysis.lr_find and training.lr_find
        },
    ),
    "biases": ((library.biases, library.movers), {"worst", "best", "movers"}),
    "pca": ((library.pca,), {"scores"}),
    "similar": ((library.similar,), set()),
    "map": ((library.map_items,), {"labels", "coordinates"}),
    "recommend": ((library.recommend,), set()),
    "predict": (
        (library.predict, library.predict_all),
        {"user", "item", "all_users", "user_col", "item_col", "sep", "encoding", "on_bad_rows"},
    ),
    "explain": ((library.explain,), set()),
    "axis": ((library.axis,), set()),
    "probe": ((library.probe,), set()),
    "clusters": ((library.clusters,), set()),
    "compare": ((library.compare, library.side_by_side), set()),
    "evaluate": ((library.evaluate, library.evaluate_pair), set()),
    "report": ((report,), {"title"}),
    "runs path": ((library.open_run,), set()),
}


def options_of(command: str) -> set[str]:
    """Return the long options of a command, as parameters are named: a word of Python has an underscore behind it."""
    found: Any = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]
    flags = {flag for parameter in found.params for flag in parameter.opts if flag.startswith("--")}
    return {name + "_" * (name == "from") for name in (flag[2:].replace("-", "_") for flag in flags)}


def parameters_of(functions: tuple[Callable[..., Any], ...]) -> set[str]:
    """Return the parameters of some functions."""
    return {name for function in functions for name in inspect.signature(function).parameters}


@pytest.mark.parametrize("command", FUNCTIONS)
def test_parameters_are_named_as_the_options(command: str) -> None:
    """Every option of a command is a parameter of its function, by the same name, but for what Python has otherwise."""
    functions, otherwise = FUNCTIONS[command]
    missing = options_of(command) - OPENS - SHOWS - otherwise - parameters_of(functions)
    assert not missing
    assert otherwise <= options_of(command)


@pytest.mark.parametrize(
    ("settings", "record", "names"), [(Settings, TrainConfig, FIELDS), (ReadSettings, ReadOptions, {})]
)
def test_settings_by_keyword_are_the_fields(settings: Any, record: type, names: dict[str, str]) -> None:
    """`fit` and `load_ratings` take each field of their records by keyword, with a type that the field takes."""
    assert [names.get(name, name) for name in settings.__annotations__] == [field.name for field in fields(record)]
    types, own = get_type_hints(record), get_type_hints(settings)
    wider = {"items", "duplicates", "on_bad_rows"}  # texts are converted
    assert all(own[name] == types[names.get(name, name)] for name in own if name not in wider)


@pytest.mark.parametrize(
    "name", sorted(set(library.__all__) - {"EmbedcliError", "Split", "TrainConfig", "ReadOptions"})
)
def test_help_is_readable(name: str) -> None:
    """The help of every function shows defaults that can be typed: no function, no address, no enumeration."""
    own = getattr(library, name)
    text = pydoc.plain(pydoc.render_doc(own)) if inspect.isfunction(own) else ""
    assert not re.search(r"lambda|0x[0-9a-f]{4}|<[A-Z]\w+\.", text)


def test_help_of_fit() -> None:
    """The help of `fit` shows each setting with its default, and an example."""
    text = pydoc.plain(pydoc.render_doc(library.fit))
    for name in Settings.__annotations__:
        assert re.search(rf"\b{name}: [^=]+ = {re.escape(repr(getattr(TrainConfig(), FIELDS.get(name, name))))}", text)
    assert "run = embedcli.fit(frame)" in text


def test_names_of_the_package_are_the_public_ones() -> None:
    """Tab completion of the package and of a run shows what users need, and nothing private."""
    assert set(dir(library)) == {*library.__all__, "__version__", "__doc__", "__all__"}


RECORDS: dict[str, tuple[Callable[[Run], Record], str]] = {
    "biases": (lambda run: library.biases(run, limit=3), "biases -n 3"),
    "movers": (lambda run: library.movers(run, limit=3), "biases --movers -n 3"),
    "pca": (lambda run: library.pca(run, components=2), "pca --components 2"),
    "similar": (lambda run: library.similar(run, ["star wars", 12], limit=3), "similar 'star wars' 12 -n 3"),
    "map": (
        lambda run: library.map_items(run, top_items=20, highlight="star wars"),
        "map --top-items 20 --highlight 50",
    ),
    "recommend": (
        lambda run: library.recommend(run, like="star wars", rate={12: 2.5}, limit=3),
        "recommend --like 50 --rate 12=2.5 -n 3",
    ),
    "predict": (lambda run: library.predict(run, [(12, "star wars")]), "predict --user 12 --item 50"),
    "predict_all": (lambda run: library.predict_all(run, limit=2), "predict --all-users -n 2"),
    "explain": (lambda run: library.explain(run, 12, "star wars"), "explain 12 50"),
    "axis": (lambda run: library.axis(run, "star wars", [9, 10], limit=3), "axis --from 50 --to 9 --to 10 -n 3"),
    "axis of tags": (
        lambda run: library.axis(run, from_tag="action", to_tag="romance"),
        "axis --from-tag Action --to-tag Romance",
    ),
    "probe": (library.probe, "probe"),
    "clusters": (lambda run: library.clusters(run, clusters=2), "clusters -k 2"),
    "compare": (lambda run: library.compare(run, run), "compare made made"),
    "evaluate": (lambda run: library.evaluate(run, k=5), "evaluate --k 5"),
    "two evaluated": (lambda run: library.evaluate_pair(run, run), "evaluate made made"),
    "side by side": (lambda run: library.side_by_side([run, run, run]), "compare made made made"),
}


@pytest.mark.parametrize("name", sorted(set(RECORDS) - {"compare"}))  # what changed most: nothing, in a run itself
def test_frames_are_what_commands_write(name: str, saved: Run, embedcli: Invoke) -> None:
    """`to_frame` has the rows of the command's CSV, in the same order and with the same columns and numbers."""
    analyse, command = RECORDS[name]
    frame = analyse(library.open_run()).to_frame()
    result = embedcli(*shlex.split(command), "--format", "csv", "-q")
    assert result.exit_code == 0, result.stderr
    written = pd.read_csv(io.StringIO(result.stdout))
    assert next(csv.reader(io.StringIO(result.stdout))) == list(frame.columns)
    assert len(written) == len(frame)
    for column in frame.columns:
        if pd.api.types.is_float_dtype(frame[column]):
            np.testing.assert_allclose(frame[column], written[column].astype(float), rtol=1e-11)


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_short_in_a_notebook(name: str, trained: Run) -> None:
    """A record shows its figures and its first rows in a screen of text, and as HTML without scripts and colors."""
    titles = tuple(f"<b>{title}</b>\x1b[31m" for title in trained.items.titles)
    hostile = replace(trained, items=replace(trained.items, titles=titles))
    record = RECORDS[name][0](trained)
    assert len(repr(record).splitlines()) <= 60 and len(repr(record)) < 9_000
    assert repr(record).startswith(type(record).__name__)
    by_id = {"similar": lambda run: library.similar(run, 50), "explain": lambda run: library.explain(run, 12, 50)}
    page = by_id.get(name, lambda run: record)(hostile)._repr_html_()
    assert page is not None
    assert not re.search(r"<(script|style|b)\b|color|\x1b", page)
    assert page.count("<table") == page.count("</table>") >= 1


def test_verdicts_are_shown(trained: Run) -> None:
    """Verdicts and names stand in what is shown: of the axis, of each component, of the neighbours of each row."""
    axis = library.axis(trained, from_tag="action", to_tag="romance")
    assert f"verdict: {axis.judged}" in repr(axis)
    found = library.pca(trained, components=2)
    assert f"component 1, {100 * found.components[0].share:.1f} %: {found.components[0].judged}" in repr(found)
    assert found.components[0].positive[0].title in repr(found)


def test_a_run_is_shown_with_its_protocol(saved: Run) -> None:
    """A run shows its data set, sizes, RMSE with split and protocol, weight decay, and what to type next."""
    run = library.open_run()
    for text in (repr(run), run._repr_html_() or ""):
        for part in (run.data.title, "200 users", "weight decay", "0.4", "random 90/10 seed 0", run.training.protocol):
            assert part in text
        assert f"{run.training.scores[-1].rmse:.3f} (posterior)" in text
        assert "embedcli.biases(run)" in text
    assert len(repr(run).splitlines()) < 12
    assert "not saved" in repr(replace(run, name=""))
    assert not [name for name in dir(run) if name.startswith("_") and not name.startswith("__")]


def test_vectors_alone_are_shown(world: Any) -> None:
    """A run of vectors without users, biases and scores is shown, with steps that work on it."""
    factors = np.random.default_rng(0).normal(size=(1, len(world.ratings.items), 4))
    run = Run.from_arrays({"item_factors": factors}, world.ratings, link="identity")
    assert "biases(run)" not in repr(run) and "embedcli.pca(run)" in repr(run)


def test_data_is_shown_in_short(world: Any, trained: Run) -> None:
    """Ratings, splits, items, rows and settings are a few lines each; settings show what is not the default."""
    ratings: Ratings = world.ratings
    split: Split = ratings.split("random", seed=0)
    assert repr(ratings).startswith(
        "Ratings 'Made ratings': 8,000 ratings, 200 users, 120 films"
    ) and "scale: 1 to 5" in repr(ratings)
    assert repr(split).startswith("Split 'random 90/10 seed 0': ")
    for shown in (ratings, split, ratings.items, ratings.users, trained.rows, trained.heldout, trained.training):
        assert len(repr(shown)) < 1_500
    assert repr(TrainConfig(weight_decay=1 / 3, n_members=2)) == f"TrainConfig(weight_decay={1 / 3}, n_members=2)"


def test_fit_takes_frames_and_settings(world: Any) -> None:
    """A frame, its ratings and their split train the same run; settings by keyword replace those of a config."""
    ratings: Ratings = world.ratings
    frame = pd.DataFrame(
        {
            "user_id": np.array(ratings.users.ids)[ratings.user],
            "item_id": np.array(ratings.items.ids)[ratings.item],
            "rating": ratings.value,
        }
    )
    small: dict[str, Any] = {"members": 1, "factors": 4, "epochs": 1, "folds": 0, "draws": 0}
    config = TrainConfig(n_members=3, n_factors=4, n_epochs=1, n_folds=0, n_draws=0)
    read = Ratings.from_frame(frame)
    runs = [
        library.fit(frame, **small),
        library.fit(read, config, members=1),
        library.fit(read.split("random", seed=0), **small),
    ]
    assert len({run.array("item_factors").tobytes() for run in runs}) == 1
    assert {run.training.split.description for run in runs} == {"random 90/10 seed 0"}
    assert library.fit(read, **small, split="none").training.split.n_test == 0


@pytest.mark.parametrize(
    ("data", "settings", "message", "hint"),
    [
        ("ratings", {"members": 0}, "`members` 0 is below 1", "give 1 or more"),
        ("ratings", {"lr": -1.0}, "`lr` -1 is not above 0", "learning rate"),
        ("ratings", {"split": "u12"}, "unknown split", "use random"),
        ("split", {"split": "none"}, "the data is split already", "leave `split`"),
        ("path", {}, "'ratings.csv' is not ratings", "fit(load_ratings(...))"),
        ("frame", {}, "no column has a known name of the user", "with Ratings.from_frame"),
    ],
)
def test_fit_refuses_in_the_words_of_its_parameters(
    world: Any, data: str, settings: dict[str, Any], message: str, hint: str
) -> None:
    """What does not fit is an error that names the parameter as `fit` does."""
    given: dict[str, Any] = {
        "ratings": world.ratings,
        "split": world.ratings.split("random"),
        "path": "ratings.csv",
        "frame": pd.DataFrame({"a": [1, 2], "item": [1, 2], "rating": [1, 2]}),
    }
    with pytest.raises(EmbedcliError) as caught:
        library.fit(given[data], **settings)
    assert message in caught.value.message and hint in caught.value.hint
    with pytest.raises(TypeError, match="memberz"):
        library.fit(world.ratings, memberz=2)  # type: ignore[call-arg]


def test_new_users_by_keyword(trained: Run) -> None:
    """Likes, dislikes and ratings make a new user, as on the command line; a user of the run has none beside."""
    by_keyword = library.recommend(trained, like=["star wars"], dislike=9, rate={12: 2.5})
    assert by_keyword == library.recommend(trained, library.fold_in(trained, {"star wars": 5.0, 9: 1.0, 12: 2.5}))
    with pytest.raises(UsageError, match="`user` is a user of the run"):
        library.recommend(trained, "12", like="star wars")
    with pytest.raises(UsageError, match="nothing is known of the user"):
        library.recommend(trained)


def test_a_traceback_shows_the_hint(trained: Run) -> None:
    """What to do about an error stands below it in a traceback of Python, once, also if parameters have other names."""
    with pytest.raises(UsageError) as caught:
        library.fit(pd.DataFrame({"user": [1, 1], "item": [1, 2], "rating": [1, 2]}), members=0)
    assert "".join(traceback.format_exception(caught.value)).count("hint: give 1 or more") == 1
