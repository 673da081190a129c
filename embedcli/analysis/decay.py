"""Whether the weight decay of a run suits its data: too little, about right, or too much."""

from __future__ import annotations

from dataclasses import dataclass

from embedcli.analysis.biases import agreement
from embedcli.run.record import Run

TOO_LITTLE, TOO_STEEP = 0.65, 1.5  # held-out slope; with TOO_MUCH of biases: examples/benchmarks/decay.py
USUAL = 0.5  # the default of --weight-decay
LESSON = (
    1.78 / 90_000
)  # per training row, learning rates x wd of fastai's fit_one_cycle(5, 5e-3, wd=0.1), batches of 64


@dataclass(frozen=True)
class DecayVerdict:
    """What the evidence says of the weight decay.

    `slope` is the held-out slope of the first component: a model with too little decay claims more than held-out
    ratings confirm. `outside_many` is the share of the `n_many` items with 100 ratings or more whose trained stars
    lie outside their interval: a model with too much decay pulls also them to the average item. None is not known.
    `verdict` is "too little", "about right", "too much", or "unclear" if the two disagree; `suggested` a value to try
    instead. `lesson` is the weight decay that shrinks the factors here as much as the lesson's training with fastai,
    wd=0.1, five epochs of batches of 64, would on the same rows; None for implicit data.
    """

    weight_decay: float
    verdict: str
    slope: float | None
    n_many: int
    outside_many: float | None
    suggested: float | None
    lesson: float | None


def judge_decay(run: Run) -> DecayVerdict | None:
    """Judge the weight decay of a run; None if nothing is known that could judge it."""
    weight_decay, evidence = run.training.weight_decay, run.training.evidence
    agreed = agreement(run)
    slope = evidence.heldout_slope if evidence is not None and evidence.pca_tests[0].predicts else None
    outside = None if agreed is None else agreed.outside_many
    if weight_decay is None or (slope is None and outside is None):
        return None
    too_little = slope is not None and slope < TOO_LITTLE
    too_much = (agreed is not None and bool(agreed.is_too_much_decay)) or (slope is not None and slope > TOO_STEEP)
    suggested = None
    if too_little != too_much:
        suggested = max(2 * weight_decay, USUAL) if too_little else weight_decay / 2
    verdict = {(True, False): "too little", (False, True): "too much", (False, False): "about right"}
    return DecayVerdict(
        weight_decay=weight_decay,
        verdict=verdict.get((too_little, too_much), "unclear"),
        slope=slope,
        n_many=0 if agreed is None else agreed.n_many,
        outside_many=outside,
        suggested=suggested,
        lesson=_lesson(run),
    )


def _lesson(run: Run) -> float | None:
    """Return the weight decay that amounts to the lesson's, over the sum of this training's learning rates."""
    settings, shrinkage = run.training.settings, run.training.shrinkage
    lesson = LESSON * run.training.split.n_train
    if run.data.implicit or not lesson:
        return None
    for role, decay in (("factors", settings.get("weight_decay")), ("biases", settings.get("bias_weight_decay"))):
        if decay and shrinkage.get(role):
            return float(lesson * decay / shrinkage[role])
    return None
