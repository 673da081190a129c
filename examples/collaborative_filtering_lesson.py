"""The lesson's session on collaborative filtering, in twelve lines of embedcli's Python API.

    python examples/collaborative_filtering_lesson.py [--data PATH] [--small]

`lesson` below loads ratings, trains a model that knows nothing of a film but who liked it, and asks what it learned.

The training is embedcli's own. The lesson's, fastai's AdamW, is in lesson_training.py: its `train` returns a run as
`embedcli.fit` does, and every line below that looks into a run works on it.

The biases first. A film's bias is what is left of its ratings once it is known who rated it: a low one means that
even people whose taste it suits did not like it. That is more than a low mean, which may only say that it was shown
to the wrong people. The notebook read one bias per film off one model. Here the bias is the mean of five models, in
stars, and beside it stands a 95 % interval from the draws of a posterior: a film with few ratings may be at the top of
a list by luck, and its wide interval shows it.

Then the components. A film's embedding is 50 numbers, none of which means anything by itself: turn them all, and
the users' too, and every prediction stays. Principal components do not turn with them. They are the directions in
which films differ most, and the two ends of one tell what it is about. But every cloud of points has longest
directions, that of noise too, so a component counts here only if it predicts ratings that were left out (real), and
agrees with what models find on disjoint halves of the users (true); only then is it named, by what goes with it.

Last the picture, in lesson.png: the 50 most rated films on the first two components, close together where the same
people like them. `embedcli map -o map.png` draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from made_data import RATINGS, ratings, run_script

import embedcli
from embedcli import Run, TrainConfig
from embedcli.analysis.biases import Biases, ItemBias
from embedcli.analysis.pca import Component, Components
from embedcli.data.ratings import Ratings
from embedcli.render.pictures.map import draw

PICTURE, N_DRAWN = Path("lesson.png"), 50  # the picture, and the films in it


@dataclass(frozen=True)
class Learned:
    """What the session ends with."""

    run: Run
    biases: Biases
    components: Components


def lesson(films: Ratings, config: TrainConfig) -> Learned:
    """Train, and look inside: the session."""
    split = films.split("random", seed=0)
    run = embedcli.fit(split, config)
    for score in run.training.scores:
        print(f"{score.model:20}RMSE {score.rmse:.3f}")
    biases = embedcli.biases(run, min_ratings=20, limit=5)
    for name, rows in (("Worst", biases.worst), ("Best", biases.best)):
        print(f"\n{name}, by bias:", *map(bias_line, rows), sep="\n")
    axes = embedcli.pca(run, components=3, limit=4)
    for component in axes.components:
        print(*component_lines(component), sep="\n")
    picture = draw(embedcli.map_items(run, top_items=N_DRAWN), run, "png", N_DRAWN)
    PICTURE.write_bytes(picture.content)
    print(f"\n{PICTURE}: the {N_DRAWN} most rated films on two components, {picture.n_labels} of them labelled")
    return Learned(run, biases, axes)


def bias_line(row: ItemBias) -> str:
    """Say what is known of a film's bias."""
    stars = "" if row.stars is None else f"  {row.stars:.2f} stars"
    evidence = "" if row.lower is None else f", 95 % from {row.lower:.2f} to {row.upper:.2f}"
    return f"  {row.bias:+.2f}  {row.title[:44]:46}{row.n_ratings:4} ratings{stars}{evidence}"


def component_lines(component: Component) -> list[str]:
    """Say what a component is worth, and what stands at its ends."""
    verdict = component.unnamed or "real and true"
    lines = [f"\nComponent {component.component}: {component.share:.0%} of the variance; {verdict}"]
    for sign, pole, names in (
        ("+", component.positive, component.positive_name),
        ("-", component.negative, component.negative_name),
    ):
        lines.append(f"  {sign} {', '.join(names) or 'no name'}: {'; '.join(item.title for item in pole)}")
    return lines


def main(data: str | None = None, *, small: bool = False) -> Learned:
    """Hold the session on the ratings at hand; `small` trains less."""
    config = TrainConfig(n_factors=10, n_members=2, n_folds=3, n_draws=100) if small else TrainConfig()
    return lesson(ratings(data, small=small), config)


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)
