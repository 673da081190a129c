"""What weight decay does: errors, the held-out slope, strength of the tastes, and stars, from none to too much.

The thresholds of `embedcli.analysis.decay` come from this table: too little below a held-out slope of .65, too much
above a slope of 1.2, or with tastes less than .55 as strong as the posterior's, where the error is at least 1 % above
the lowest. About a minute.

    python examples/benchmarks/decay.py --data ml-100k
"""

from __future__ import annotations

import argparse

import embedcli
from embedcli.analysis.decay import agreement, judge_decay

DECAYS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)


def main() -> None:
    """Train at each decay and print a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    split = embedcli.load_ratings(options.data).split("random", seed=options.seed)
    print("decay  RMSE of one, of five  slope  strength  outside  pull by n                   verdict")
    for decay in DECAYS:
        run = embedcli.fit(split, embedcli.TrainConfig(weight_decay=decay, seed=options.seed))
        found, judged = agreement(run), judge_decay(run)
        assert found is not None
        assert judged is not None
        one, five = (score.rmse for score in run.training.scores[2:4])
        pulls = " ".join(f"{pull.stars:+.2f}" for pull in found.pulls)
        print(
            f"{decay:5.2f}  {one:11.4f} {five:8.4f}  {judged.slope or 0:5.2f}  {judged.strength or 0:8.2f}  "
            f"{found.outside:7.3f}  {pulls:26}  {judged.verdict}",
            flush=True,
        )


if __name__ == "__main__":
    main()
