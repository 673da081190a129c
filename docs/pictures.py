"""Make the pictures of the README and the docs.

    python docs/pictures.py

trains on MovieLens 100K with the defaults, in a folder of its own, and writes docs/pictures/*.png, small enough for a
repository. The licence of MovieLens forbids to redistribute its ratings: what is drawn of its films
are titles and positions.
What shows stars is drawn from made data, and every caption says where the data come from.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
MOVIELENS = {  # the command of each picture, on MovieLens 100K
    "map.png": "map --size 10x7.5 --dpi 140",
    "map-dark.png": "map --size 10x7.5 --dpi 140 --dark",
    "neighbours.png": "map --method tsne --color genre --dpi 117",
    "components.png": "pca --components 3 -n 4 --dpi 110",
}
MADE = {"biases.png": "biases --worst --dpi 140"}  # on the made ratings of the tests
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
COLORS = 96  # of a PNG: a third of the bytes, and no difference to be seen
MOST_BYTES = 1_500_000  # of all pictures


def main() -> None:
    """Train, draw, and say what was written."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        embedcli("train -q -o train.txt", work)
        for file, command in MOVIELENS.items():
            embedcli(f"{command} -q -o {shlex.quote(str(FOLDER / file))}", work)
        made = write_made_ratings(work)
        embedcli(f"train -q --data {shlex.quote(str(made))} --run-dir made-runs -o made.txt", work)
        for file, command in MADE.items():
            embedcli(f"{command} -q --run-dir made-runs -o {shlex.quote(str(FOLDER / file))}", work)
        take_screenshot(work)
    for file in sorted(FOLDER.glob("*.png")):
        Image.open(file).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")
    total = sum(file.stat().st_size for file in FOLDER.iterdir())
    if total > MOST_BYTES:
        sys.exit(f"{total:,} bytes are more than {MOST_BYTES:,}: draw fewer or smaller pictures")


def embedcli(command: str, work: Path) -> None:
    """Run a command of this checkout in a folder."""
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    line = [sys.executable, "-m", "embedcli", *shlex.split(command)]
    subprocess.run(line, cwd=work, env={**os.environ, "PYTHONPATH": search}, check=True)


def write_made_ratings(work: Path) -> Path:
    """Write the made ratings of the tests, and return their folder."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from planted import make_world, write_movielens

    return write_movielens(work / "made", make_world().ratings)


def take_screenshot(work: Path) -> None:
    """Write report.png, the first screen of the report of the made ratings; skip it without a browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"report.png is not drawn: no browser found ({', '.join(BROWSERS)})")
        return
    embedcli("report -q --run-dir made-runs -o report.html", work)
    line = [browser, "--headless", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,900"]
    line += ["--virtual-time-budget=5000", f"--screenshot={FOLDER / 'report.png'}", (work / "report.html").as_uri()]
    if os.name == "posix" and os.geteuid() == 0:  # it refuses its sandbox there
        line.insert(1, "--no-sandbox")
    subprocess.run(line, cwd=work, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
