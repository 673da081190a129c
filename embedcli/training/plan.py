"""The plan of a training on several ranks: which rank trains which members, and does which other part."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

from embedcli.run.config import TrainConfig
from embedcli.training import stages

# seconds by those of a member of 50 factors and 5 epochs, on made ratings, 1 M of them (docs/scale.md)
TESTS, FLIP, TASTES, POSTERIOR, HALVES, FOLD, LAST = 6.7, 0.2, 7.0, 11.0, 1.1, 0.75, 3.0
TORCH = 12.0  # times as long as the compiled engine
MANY_SAMPLED = 0.2  # millions of rows, of which tastes take a sample
POSTERIOR_GROWS = 0.6  # by each million rows, of which there are more than POSTERIOR is for
Made = TypeVar("Made")
Shares = list[list[int]]  # of each rank, its numbers, ascending


class Plan(NamedTuple):
    """The shares of each rank, and the ranks that count sign flips and draw from the posterior."""

    members: Shares
    halves: Shares
    folds: Shares
    tastes: Shares
    flips: int
    posterior: int


def plan(config: TrainConfig, n_ranks: int, n_halves: int, n_flips: int, n_tastes: int) -> Plan:
    """Share the work: the members evenly, then every other part, the longest first, to the rank that has the least.

    Rank 0 shows each epoch of the members when all ranks have it, and tests the components. When all is done, it makes
    the run. Without sign flips the components are not tested.
    """
    is_tested = n_flips > 0
    member = config.n_epochs * config.n_factors / 250
    members = [list(range(*_part(config.n_members, rank, n_ranks))) for rank in range(n_ranks)]
    load = [len(own) * member for own in members]
    load[0] += TESTS * is_tested
    parts: list[tuple[float, str, int]] = [
        *((POSTERIOR, "posterior", number) for number in range(bool(config.n_draws))),
        *((FLIP * n_flips, "flips", number) for number in range(is_tested)),
        *((TASTES, "tastes", number) for number in range(n_tastes)),
        *((HALVES * member, "halves", number) for number in range(n_halves)),
        *((FOLD * member, "folds", number) for number in range(config.n_folds * is_tested)),
    ]
    shares: dict[str, Shares] = {
        name: [[] for _ in load] for name in ("halves", "folds", "tastes", "flips", "posterior")
    }
    for cost, name, number in sorted(parts, key=lambda part: -part[0]):
        rank = load.index(min(load))
        load[rank] += cost
        shares[name][rank].append(number)
    halves, folds, tastes, *alone = (list(map(sorted, own)) for own in shares.values())
    return Plan(members, halves, folds, tastes, *(own.index([0]) if [0] in own else 0 for own in alone))


def lengths(config: TrainConfig, n_rows: int, n_halves: int, n_flips: int, n_tastes: int) -> dict[str, float]:
    """Return how long each stage takes, next to the others: for the share and the time left of the whole training."""
    millions = n_rows / 1e6
    member = config.n_epochs * config.n_factors / 250 * millions * (TORCH if config.engine == "torch" else 1)
    return {
        stages.MEMBERS: config.n_members * member,
        stages.HALVES: n_halves * HALVES * member,
        stages.FOLDS: config.n_folds * (n_flips > 0) * FOLD * member,
        stages.TESTS: ((n_flips > 0) * TESTS + n_flips * FLIP) * millions,
        stages.TASTES: n_tastes * TASTES * min(millions / MANY_SAMPLED, 1),
        stages.DRAWS: (config.n_draws > 0) * POSTERIOR * max(POSTERIOR_GROWS * millions, 1),
        stages.FINISHING: LAST * millions,
    }


def in_order(shares: Sequence[Sequence[int]], parts: Sequence[Sequence[Made]]) -> list[Made]:
    """Return what the ranks with a share made for its numbers, in the order of the numbers."""
    numbers = chain(*shares)
    return [made for _, made in sorted(zip(numbers, chain(*parts), strict=True), key=lambda pair: pair[0])]


def _part(n: int, rank: int, n_ranks: int) -> tuple[int, int]:
    """Return the first and the end of the numbers below n that a rank has; the first ranks have the most."""
    begin = rank * (n // n_ranks) + min(rank, n % n_ranks)
    return begin, begin + n // n_ranks + (rank < n % n_ranks)
