"""`embedcli compare`: runs side by side."""

from typing import Annotated

import typer

from embedcli.cli.answer import PictureAnswer
from embedcli.cli.command import command, option
from embedcli.cli.options import MinRatings, RunDir, complete_run
from embedcli.run import DEFAULT_DIR


@command(short_help="Compare runs, such as those of several weight decays.")
def compare(
    answer: PictureAnswer,
    *,
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Names or paths, two or more.", autocompletion=complete_run)
    ],
    components: Annotated[int, option("--components K", "Components to match.")] = 3,
    limit: Annotated[int, option("-n --limit N", "Changes to show.")] = 10,
    min_ratings: MinRatings = 20,
    run_dir: RunDir = DEFAULT_DIR,
) -> None:
    """Compare runs: their errors, evidence and rankings; of two also components, neighbours and what changed most.

    \b
    Examples:
      embedcli compare ml-100k ml-100k-2           two seeds, or two settings
      embedcli compare decay-0.05 decay-0.5 decay-2    several side by side
      embedcli compare ml-100k ml-latest-small     two data sets that share titles
      embedcli compare ml-100k ml-100k-2 -o runs.png    as a picture (.png, .svg, .pdf)
    """
    from embedcli.analysis import compare as analysis
    from embedcli.render.compare import view
    from embedcli.run.shelf import open_run

    opened = [open_run(name, run_dir).table() for name in runs]
    figures: analysis.SideBySide
    if len(opened) == 2:
        figures = analysis.compare(*opened, components=components, limit=limit, min_ratings=min_ratings)
    else:
        figures = analysis.side_by_side(opened, min_ratings=min_ratings)
    if answer.picture is None:
        answer.show(view(figures, opened))
    else:
        from embedcli.render.pictures.compare import draw

        answer.save(draw(figures, opened, answer.picture, answer.style))
