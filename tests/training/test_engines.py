"""The door of the engines: `learn(model, ratings, config, state)`, against the rule stepped by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import islice
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from planted import World

from embedcli.data.ratings import Ratings
from embedcli.errors import TrainingError, UsageError
from embedcli.run.config import TrainConfig
from embedcli.training import engines
from embedcli.training.config import shares
from embedcli.training.engines import BETA2, BIAS_RATE, EPS, START_MOMENT, compiled, engine_of, kernel
from embedcli.training.engines import torch as reference
from embedcli.training.learn import start
from embedcli.training.model import EmbeddingDotBias
from embedcli.training.schedule import one_cycle
from embedcli.training.state import TrainingState

CONFIG = TrainConfig(n_factors=3, n_epochs=4, n_members=2, y_range=(0.0, 5.5))
ENGINES = pytest.mark.parametrize("engine", [reference, compiled])
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def few(world: World) -> Ratings:
    """Return 400 ratings."""
    return world.ratings.take(np.arange(400))


@pytest.fixture(scope="module")
def implicit(few: Ratings) -> Ratings:
    """Return the same 400 as implicit feedback: four and five stars are taken, the others are sampled."""
    data = replace(few.data, implicit=True, scale=(0.0, 1.0))
    return replace(few, data=data, value=(few.value >= 4).astype(np.float32))


def begin(
    ratings: Ratings, config: TrainConfig = CONFIG, fold: NDArray[np.uint8] | None = None
) -> tuple[EmbeddingDotBias, TrainingState]:
    """Return an untrained model and its state, the same at every call."""
    return start(ratings, config, [np.random.default_rng(seed) for seed in range(config.n_members)], fold)


def train(engine: ModuleType, ratings: Ratings, config: TrainConfig = CONFIG) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a model trained by an engine."""
    model, state = begin(ratings, config)
    assert len(list(engine.learn(model, ratings, config, state))) == config.n_epochs
    return model.arrays()


def same_bytes(one: dict[str, NDArray[np.float32]], other: dict[str, NDArray[np.float32]]) -> bool:
    """Whether two models have the same arrays."""
    return all(np.array_equal(one[name], other[name]) for name in one)


def peak(ratings: Ratings) -> float:
    """Return the highest learning rate: twice as high for implicit feedback."""
    return CONFIG.learning_rate * (2 if ratings.data.implicit else 1)


def by_hand(
    tables: tuple[Floats, Floats, Floats],
    level: float,
    batch: list[tuple[int, int, float]],
    rate: float,
    *,
    logistic: bool = False,
) -> None:
    """Step by the rule on a batch of (user row, item row, share), one rating after another, in float64.

    `tables` are the factors, the biases and the second moments of all rows; they are changed in place. All of a batch
    see the weights as they were before it, and of a row's second moments the last stands.
    """
    factors, biases, moments = tables
    old_factors, old_biases, old_moments = (table.copy() for table in tables)
    decay, bias_decay = CONFIG.weight_decay, CONFIG.bias_weight_decay
    if logistic:  # a positive shares them with its negatives
        decay, bias_decay = decay / (1 + CONFIG.n_negatives), bias_decay / (1 + CONFIG.n_negatives)
    for u, i, y in batch:
        s = 1 / (1 + np.exp(-(level + old_biases[u] + old_biases[i] + old_factors[u] @ old_factors[i])))
        g = s - y if logistic else 2 * (s - y) * s * (1 - s)
        for row, other in ((u, i), (i, u)):
            q = old_factors[other]
            moments[row] = BETA2 * old_moments[row] + (1 - BETA2) * g**2 * (q @ q) / len(q)
            factors[row] -= rate * (g * q / (np.sqrt(moments[row]) + EPS) + decay * old_factors[row])
            biases[row] -= rate * (BIAS_RATE * g + bias_decay * old_biases[row])


def tables_of(model: EmbeddingDotBias) -> tuple[Floats, Floats, Floats]:
    """Return the factors, without their padding, the biases and untouched second moments of a model, in float64."""
    factors, biases = (weight.detach().numpy().astype(np.float64) for weight in model.parameters())
    return factors[:, : model.n_factors].copy(), biases.copy(), np.full(len(biases), START_MOMENT)


@pytest.mark.parametrize("kind", ["few", "implicit"])
def test_torch_steps_are_the_rule_by_hand(kind: str, request: pytest.FixtureRequest) -> None:
    """Two epochs of one member are the rule by its formula: schedule, order, batches with rows that repeat."""
    ratings: Ratings = request.getfixturevalue(kind)
    config = replace(CONFIG, n_members=1, n_epochs=2, batch_size=50, y_range=ratings.data.scale)
    model, state = begin(ratings, config)
    tables = tables_of(model)
    order = np.random.default_rng(0)
    order.standard_normal((len(ratings.users) + len(ratings.items), 3), dtype=np.float32)  # the start of the factors
    rows = np.concatenate([order.permutation(400) for _ in range(2)])
    share, rates = (
        shares(ratings.value, ratings.data.scale),
        np.concatenate([one_cycle(epoch, 2, 8, peak(ratings)) for epoch in range(2)]),
    )
    for batch, rate in zip(np.split(rows, 16), rates, strict=True):
        triples = [
            (int(ratings.user[row]), len(ratings.users) + int(ratings.item[row]), float(share[row])) for row in batch
        ]
        assert max(np.bincount([i for _, i, _ in triples])) > 1
        by_hand(tables, model.global_bias, triples, float(rate), logistic=ratings.data.implicit)
    assert [rate for _, rate in reference.learn(model, ratings, config, state)] == list(rates[[7, 15]])
    for found, expected in zip((*tables_of(model)[:2], state.moment), tables, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["few", "implicit"])
def test_engines_agree_step_by_step(kind: str, request: pytest.FixtureRequest) -> None:
    """An epoch of the compiled engine equals torch steps of one rating each, in the same order."""
    ratings: Ratings = request.getfixturevalue(kind)
    config = replace(CONFIG, n_members=1, n_epochs=1, y_range=ratings.data.scale)
    (model, state), (other, _) = begin(ratings, config), begin(ratings, config)
    first, item, share, _ = compiled.by_user(ratings, shares(ratings.value, model.y_range), None)
    rng = np.random.default_rng(0)
    rng.standard_normal((len(ratings.users) + len(ratings.items), 3), dtype=np.float32)
    users, xorshift = rng.permutation(len(ratings.users)), rng.integers(1, 2**63, dtype=np.uint64)
    list(compiled.learn(model, ratings, config, state))
    moment = torch.full_like(other.biases, START_MOMENT, requires_grad=False)
    rates, done = one_cycle(0, 1, compiled.N_RATES, peak(ratings)), 0
    for u in users:
        rate, own = rates[done * len(rates) // len(ratings)], np.arange(first[u], first[u + 1])
        done += len(own)
        xorshift = np.uint64(kernel.shuffle(own, len(own), xorshift))
        for row in own:
            step = (torch.tensor([[value]]) for value in (int(u), int(item[row]), share[row]))
            reference.step(other, moment, torch.zeros(len(moment), dtype=torch.int64), *step, float(rate), config)
    assert done == len(ratings)
    for name, weight in model.named_parameters():
        np.testing.assert_allclose(weight.detach(), getattr(other, name).detach(), atol=1e-5)
    np.testing.assert_allclose(state.moment, moment, rtol=1e-4)


def test_rows_are_shuffled_evenly() -> None:
    """A shuffle keeps the rows, and each ends at each place as often as any other."""
    state, places = np.uint64(7), np.zeros((5, 5))
    for _ in range(5000):
        rows = np.arange(6)
        state = np.uint64(kernel.shuffle(rows, 5, state))
        assert sorted(rows) == list(range(6))
        assert rows[5] == 5
        places[np.arange(5), rows[:5]] += 1
    assert abs(places / 1000 - 1).max() < 0.15  # a standard deviation is .028


@ENGINES
@pytest.mark.parametrize("n_first", [1, 3])
def test_state_carries_on(engine: ModuleType, few: Ratings, n_first: int) -> None:
    """Training some epochs, and the rest from the same state later, gives the same bytes as training all at once."""
    (whole, state), (parts, carried) = begin(few), begin(few)
    rates = list(engine.learn(whole, few, CONFIG, state))
    assert [
        *islice(engine.learn(parts, few, CONFIG, carried), n_first),
        *engine.learn(parts, few, CONFIG, carried),
    ] == rates
    assert same_bytes(whole.arrays(), parts.arrays())
    assert list(engine.learn(whole, few, CONFIG, state)) == []


@ENGINES
def test_weights_are_views_of_the_parameters(engine: ModuleType, few: Ratings) -> None:
    """On the CPU the arrays of the model share the memory of its parameters; the moments are updated in place."""
    model, state = begin(few)
    before, moment = model.arrays(), state.moment
    was = before["item_factors"].copy()
    next(engine.learn(model, few, CONFIG, state))
    assert (before["item_factors"] != was).any()
    assert moment is state.moment
    assert (moment != np.float32(START_MOMENT)).any()
    assert not model.factors[:, CONFIG.n_factors :].any()  # the padding stays zero


@ENGINES
def test_number_of_threads_does_not_matter(engine: ModuleType, few: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread and two train to the same bytes."""
    threads, trained = torch.get_num_threads(), []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        monkeypatch.setattr(compiled, "n_cores", lambda n=n_threads: n)
        trained.append(train(engine, few))
    torch.set_num_threads(threads)
    assert same_bytes(*trained)


@ENGINES
def test_order_of_the_file_does_not_change_what_a_user_rated(engine: ModuleType, few: Ratings) -> None:
    """Ratings that are not ordered by user, in arrays that cannot be written to, train all their users and items."""
    order = np.random.default_rng(1).permutation(400)
    shuffled = few.take(order)
    for column in (shuffled.user, shuffled.item, shuffled.value):
        column.setflags(write=False)
    moved = train(engine, shuffled)["user_bias"] != 0
    assert (moved == (np.bincount(few.user, minlength=len(few.users)) > 0)).all()


@ENGINES
def test_members_do_not_see_their_fold(engine: ModuleType, few: Ratings) -> None:
    """A member never learns of the rows of its fold: with weight decay 0 the items only they rate keep their start."""
    config = replace(CONFIG, weight_decay=0, bias_weight_decay=0)
    fold = (few.item % 2).astype(np.uint8)
    model, state = begin(few, config, fold)
    before = model.arrays()["item_factors"].copy()
    list(engine.learn(model, few, config, state))
    rated = np.bincount(few.item, minlength=len(few.items)) > 0
    for m in range(2):
        out = np.arange(len(few.items)) % 2 == m
        assert not model.arrays()["item_bias"][m, out].any()
        assert np.array_equal(model.arrays()["item_factors"][m, out], before[m, out])
        assert model.arrays()["item_bias"][m, ~out & rated].all()


@ENGINES
def test_units_of_the_ratings_do_not_matter(engine: ModuleType, few: Ratings) -> None:
    """Ratings times 20, on a range times 20, train the same model."""
    times = replace(few, value=few.value * 20, data=replace(few.data, scale=(20.0, 100.0)))
    trained = train(engine, few), train(engine, times, replace(CONFIG, y_range=(0.0, 110.0)))
    for name, array in trained[0].items():
        np.testing.assert_allclose(array, trained[1][name], atol=1e-5)


@ENGINES
def test_no_factor_can_be_told_from_the_engine(engine: ModuleType, world: World) -> None:
    """Either engine learns the planted world as well as the other: the mean squared errors differ by under 2 %."""
    ratings = world.ratings
    config = replace(CONFIG, n_factors=8, n_epochs=5)
    errors = []
    for one in (engine, reference):
        model, state = begin(ratings, config)
        list(one.learn(model, ratings, config, state))
        with torch.no_grad():
            predicted = model(
                *(torch.from_numpy(codes.astype(np.int64))[None] for codes in (ratings.user, ratings.item))
            )
        errors.append(float(np.mean((predicted.mean(0).numpy() - ratings.value) ** 2)))
    assert errors[0] == pytest.approx(errors[1], rel=0.02)


@ENGINES
def test_rows_that_are_passed_are_counted(engine: ModuleType, few: Ratings) -> None:
    """After each epoch all rows count as passed by each member, also those of its fold."""
    model, state = begin(few, fold=(np.arange(400) % 3 % 2).astype(np.uint8))
    for epoch, _ in engine.learn(model, few, CONFIG, state):
        assert state.passed.tolist() == [400 * epoch] * 2
    assert state.epoch == 4


@ENGINES
def test_divergence_is_an_error(engine: ModuleType, few: Ratings) -> None:
    """Weights that are no longer finite end the training, also those of compiled code."""
    model, state = begin(few, replace(CONFIG, weight_decay=0, bias_weight_decay=0))
    config = replace(CONFIG, learning_rate=1e38, weight_decay=0, bias_weight_decay=0)
    with pytest.raises(TrainingError, match="no longer finite in epoch 1, at learning rate"):
        list(engine.learn(model, few, config, state))


def choose(config: TrainConfig) -> tuple[str, list[str]]:
    """Return the name of the engine that a config gets, and what is said about it."""
    said: list[str] = []
    engine, config = engine_of(config, lambda line, seconds: said.append(line))
    assert engine.__name__ == f"embedcli.training.engines.{config.engine}"
    return config.engine, said


def test_auto_is_the_compiled_engine() -> None:
    """On the CPU `auto` is the compiled engine, and nothing is said once it is in the cache."""
    compiled.compile()
    assert choose(TrainConfig()) == ("compiled", [])
    assert choose(TrainConfig(engine="torch")) == ("torch", [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"device": "cuda"}, "device cuda"), ({"batch_size": 64}, "the compiled engine has no batches")],
)
def test_auto_is_torch_for_what_only_torch_can(change: dict[str, str | int], reason: str) -> None:
    """With another device, or a batch size, `auto` is torch, with one note."""
    assert choose(replace(TrainConfig(), **change)) == ("torch", [f"note: training with torch: {reason}"])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="has no meaning with `engine` compiled"):
        replace(TrainConfig(engine="compiled"), **change)  # type: ignore[arg-type]


class Unloadable:
    """A kernel whose cache cannot be read."""

    signatures = ()
    stats = SimpleNamespace(cache_path="/the/cache", cache_hits=0)

    def __call__(self, *args: object) -> None:
        """Raise the error of pickle."""
        raise EOFError


def test_auto_is_torch_with_a_damaged_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the compiled code that was kept cannot be loaded, torch trains, and the note names the folder to remove."""
    monkeypatch.setattr(kernel, "epoch", Unloadable())
    name, (line,) = choose(TrainConfig())
    assert name == "torch"
    assert line.endswith("its cache is damaged, remove /the/cache")


def test_auto_is_torch_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """If numba does not import, `auto` trains with torch and says why; `compiled` is an error with a hint."""
    for name in ("kernel", "compiled"):
        monkeypatch.delitem(sys.modules, f"embedcli.training.engines.{name}")
        monkeypatch.delattr(engines, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    engine, (line,) = choose(TrainConfig())
    assert engine == "torch"
    assert "numba" in line
    with pytest.raises(TrainingError, match="the compiled engine does not run here") as error:
        choose(TrainConfig(engine="compiled"))
    assert error.value.hint == "use `engine` torch, which trains by the same rule"
