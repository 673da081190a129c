"""`embedcli biases`: rank items by bias."""

from typing import Annotated

from embedcli.analysis.choices import By, Sort
from embedcli.cli.answer import PictureAnswer
from embedcli.cli.command import command, option
from embedcli.cli.options import MinRatings, TableOptions
from embedcli.errors import UsageError


@command(short_help="Rank items, worst and best, by bias.")
def biases(
    options: TableOptions,
    answer: PictureAnswer,
    *,
    worst: Annotated[bool, option("--worst", "Only the lowest biases.")] = False,
    best: Annotated[bool, option("--best", "Only the highest biases.")] = False,
    limit: Annotated[int, option("-n --limit N", "Rows per list.")] = 10,
    min_ratings: MinRatings = 10,
    interval: Annotated[float, option("--interval SHARE", "Share of the draws inside an interval.")] = 0.95,
    sort: Annotated[Sort, option("--sort", "Sort key.")] = Sort.BIAS,
    by: Annotated[By, option("--by", "Rank by the trained model or by the posterior mean.")] = By.TRAINED,
    movers: Annotated[
        bool, option("--movers", "List the items whose stars differ most from their damped mean instead.")
    ] = False,
) -> None:
    """Rank items by bias: how well they are liked, allowing for who rated them.

    \b
    Examples:
      embedcli biases --worst                 the worst films
      embedcli biases --best -n 20            the twenty best
      embedcli biases --min-ratings 100       only films that many people rated
      embedcli biases --sort upper --worst    bad even at the interval's upper end
      embedcli biases --by posterior          by the posterior mean
      embedcli biases --movers                where the model and the mean disagree
      embedcli biases --table users           the most generous users, and the harshest
      embedcli biases --format csv -o b.csv   for a spreadsheet
      embedcli biases --worst -o worst.png    as a picture (.png, .svg, .pdf)

    Stars are the mean rating that the trained model predicts over all users; the bias is the difference to the
    average film. Both change with the weight decay. The evidence beside them does not: it comes from a posterior.
    """
    from embedcli.analysis import biases as analysis
    from embedcli.render import biases as render

    if movers and (worst or best or sort is not Sort.BIAS):
        raise UsageError("--movers has no meaning with --worst, --best or --sort", "leave one of them out")
    run = options.open()
    if movers:
        moved = analysis.movers(run, min_ratings=min_ratings, limit=limit, by=by)
        if answer.picture is None:
            answer.show(render.movers(moved, run))
        else:
            from embedcli.render.pictures.biases import draw_movers

            answer.save(draw_movers(moved, run, answer.picture, answer.style))
    else:
        ends = tuple(end for end, wanted in (("best", best), ("worst", worst)) if wanted or worst == best)
        ranking = analysis.biases(run, min_ratings=min_ratings, limit=limit, interval=interval, sort=sort, by=by)
        if answer.picture is None:
            answer.show(render.view(ranking, run, ends))
        else:
            from embedcli.render.pictures.biases import draw

            answer.save(draw(ranking, run, ends, answer.picture, answer.style))
    answer.next(f"embedcli pca --components 3{options.again}")
