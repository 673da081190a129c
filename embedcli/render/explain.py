"""How an explanation is shown: parts that add up."""

from embedcli.analysis.explain import Explanation, Part, PosteriorPrediction
from embedcli.render.view import Block, Titled, View, table, view_of
from embedcli.run.record import Run


def view(explanation: Explanation, run: Run) -> View:
    """Show the parts of a prediction, and their sum."""
    value, noun = run.data.value_noun, run.data.noun
    rated = "not among the training ratings" if explanation.knows_rating else "not known, the run kept no rows"
    if explanation.rating is not None:
        rated = f"the user gave it {explanation.rating:g}, in the training ratings"
    whose = f"user {explanation.user} | {run.headline}"
    lines = [
        ("predicted", f"{explanation.prediction:.2f} {value}, the mean over the members"),
        ("sum", f"{explanation.of_mean_logit:.2f} {value}, of the mean logit {explanation.logit:+.3f}"),
        *([("posterior", _of_posterior(explanation.posterior, value))] if explanation.posterior else []),
        ("rated", rated),
    ]
    nothing = f"has no training rating: what the {noun} and the components add says nothing"
    return view_of(
        explanation,
        run,
        Titled.of(lambda of: f"Why {explanation.prediction:.2f} for {of(explanation.title)} by {whose}"),
        [table([*explanation.parts, Part("sum", explanation.logit)], Part), Block(lines=lines)],
        Titled.of(lambda of: f"{of(explanation.title)} {nothing}") if explanation.is_unrated else "",
        [
            "The components are those of the predicted preferences, the largest first.",
            *(["The posterior predicts better; the parts explain the trained model."] if explanation.posterior else []),
            "The prediction of the mean logit differs a little from the mean prediction: the link is not linear.",
        ],
    )


def _of_posterior(found: PosteriorPrediction, value: str) -> str:
    """Write what the posterior predicts, with the interval if it is known."""
    interval = "no interval: the run kept no ratings"
    if found.lower is not None:
        interval = f"95 % of such ratings from {found.lower:.1f} to {found.upper:.1f}"
    return f"{found.prediction:.2f} {value}, {interval}"
