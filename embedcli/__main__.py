"""The program: `embedcli`, and `python -m embedcli`. It imports nothing from the working folder."""

# these are loaded when Python starts or built in; pathlib is not, and a pathlib.py in the working folder would run
import gc
import os
import sys


def _leave_working_folder() -> None:
    """Take the working folder off the search path, where `-m` and relative entries of PYTHONPATH put it."""
    named = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    relative = [entry for entry in named.split(os.pathsep) if not os.path.isabs(entry)] if named else []  # noqa: PTH117
    try:
        if __name__ == "__main__" and not sys.flags.safe_path and sys.path[0] == os.getcwd():  # noqa: PTH109
            del sys.path[0]
        for folder in map(os.path.abspath, relative):
            if folder in sys.path:  # once: an editable install names its folder again
                sys.path.remove(folder)
    except FileNotFoundError:  # the working folder was deleted
        pass


_leave_working_folder()
# a command's matrices are small: further threads would wait for one another, for seconds if the machine is busy
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")


def main() -> None:
    """Run the command line: what `embedcli` on the PATH calls. Ctrl-C while it loads ends it as at any other time."""
    try:
        from embedcli.cli import app

        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "TORCHELASTIC_RUN_ID" in os.environ:  # under torchrun
            from embedcli.training.ranks import run

            run(app)
        else:
            app()
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write("error: interrupted\nhint: the same command starts again\n")
        sys.exit(130)
    finally:
        gc.freeze()  # Python would look for garbage in all modules once more when it ends: .7 s with torch


if __name__ == "__main__":
    main()
