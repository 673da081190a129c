"""Break the code on purpose, one line at a time, and say whether a test fails: each mutation must be killed.

    python tests/mutations/mutate.py [WORDS]

WORDS choose the mutations whose names hold them. Nothing on the disk is changed: every mutation is a process of its
own that imports the changed source instead. A line that moves to another file is still found, and so is a test.
The exit code is 1 if a mutation survives, and an error stops the program if a line or a test is not there any more,
or if one of the tests fails without any mutation.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.abc
import importlib.util
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # every plugin would be loaded again in each process

import hypothesis  # noqa: E402, F401
import numba  # noqa: E402
import numpy as np  # noqa: E402, F401
import pandas as pd  # noqa: E402, F401
import pytest  # noqa: E402
import scipy.stats  # noqa: E402, F401
import sklearn.cluster  # noqa: E402
import sklearn.decomposition  # noqa: E402, F401
import torch  # noqa: E402, F401
import typer.testing  # noqa: E402, F401
from mutations import MUTATIONS, Mutation  # noqa: E402

ROOT = Path(__file__).parents[2]
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:unraisableexception")
OPTIONS += ("-o", "addopts=", "--import-mode=importlib")
SHARED = "EMBEDCLI_TEST_SHARED"  # the variable that tests/conftest.py looks for trained runs by
TRAINS = ("embedcli.data", "embedcli.evidence", "embedcli.run", "embedcli.training")  # what a training goes through
PASSED, FAILED = 0, 1  # exit codes of pytest; any other means that the tests did not run


@dataclass(frozen=True)
class Changed(importlib.abc.MetaPathFinder):
    """Gives the changed source of one module to whoever imports it."""

    module: str
    path: Path
    source: str

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return where the module is loaded from; None for every other module."""
        if fullname != self.module:
            return None
        loader = _SourceLoader(fullname, str(self.path))
        loader.source = self.source
        return importlib.util.spec_from_file_location(fullname, self.path, loader=loader)


class _SourceLoader(SourceFileLoader):
    source = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


class FirstFailure:
    """A plugin of pytest that keeps the name of the first test that fails."""

    name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the name of a test that fails."""
        if report.failed and not self.name:
            self.name = report.nodeid.removeprefix("tests/")


def changed(mutation: Mutation) -> Changed:
    """Return the module with the mutation in place; SystemExit unless its text is in embedcli/ exactly once."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "embedcli").rglob("*.py"))}
    holders = [path for path, source in sources.items() if mutation.text in source]
    if len(holders) != 1 or sources[holders[0]].count(mutation.text) != 1:
        where = ", ".join(str(path.relative_to(ROOT)) for path in holders) or "no file of embedcli/"
        raise SystemExit(f"{mutation.what}: {mutation.text!r} is not in one place: {where}")
    path = holders[0]
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Changed(module, path, sources[path].replace(mutation.text, mutation.becomes))


def located(names: Iterable[str]) -> list[str]:
    """Return the ids of the tests with these names, wherever below tests/ they are; SystemExit for an unknown one."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    ids = []
    for name in names:
        bare = name.partition("[")[0]
        holders = [path for path, source in sources.items() if re.search(rf"^def {bare}\(", source, re.MULTILINE)]
        if len(holders) != 1:
            raise SystemExit(f"{len(holders)} files have a test named {name}")
        ids.append(f"{holders[0]}::{name}")
    return ids


def run_tests(
    ids: Sequence[str], module: Changed | None, shared: str, answer: multiprocessing.SimpleQueue[tuple[int, str]]
) -> None:
    """Run tests in this process, with a changed module if one is given, and answer (exit code, first failure).

    They find the trained runs in the folder `shared`, unless the mutation may change the training.
    """
    sys.path.insert(0, str(ROOT))
    if module is not None:
        sys.meta_path.insert(0, module)
        numba.config.CACHE_DIR = tempfile.mkdtemp(dir=shared)  # what is kept of the kernel is not what was changed
    if module is None or not module.module.startswith(TRAINS):
        os.environ[SHARED] = shared
    os.chdir(ROOT)
    first = FirstFailure()
    with (
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        code = pytest.main([*OPTIONS, *ids], plugins=[first])
    answer.put((int(code), first.name))


def outcome(ids: Sequence[str], module: Changed | None, shared: str) -> tuple[int, str]:
    """Return (exit code, first failure) of tests that run in a process of their own."""
    forking = multiprocessing.get_context("fork")
    gc.freeze()  # what this process has imported is neither looked at nor copied in the other
    answer = forking.SimpleQueue()
    process = forking.Process(target=run_tests, args=(ids, module, shared, answer))
    process.start()
    process.join()
    return answer.get() if not answer.empty() else (-1, "")


def main(words: str = "") -> int:
    """Make the mutations and print what became of each; return 1 if one survived."""
    chosen = {
        mutation: (changed(mutation), located(mutation.tests)) for mutation in MUTATIONS if words in mutation.what
    }
    n_killed = 0
    with tempfile.TemporaryDirectory() as shared:
        code, failure = outcome(sorted({test for _, ids in chosen.values() for test in ids}), None, shared)
        if code != PASSED:
            raise SystemExit(f"without any mutation the tests do not pass: exit code {code}, {failure}")
        for mutation, (module, ids) in chosen.items():
            began = time.perf_counter()
            code, failure = outcome(ids, module, shared)
            if code not in (PASSED, FAILED):
                raise SystemExit(f"{mutation.what}: the tests did not run: exit code {code}")
            n_killed += code == FAILED
            told = f"killed by {failure}" if code == FAILED else "SURVIVED"
            print(f"{mutation.what} ({module.module}): {told}, {time.perf_counter() - began:.1f} s", flush=True)
    print(f"{n_killed} of {len(chosen)} mutations killed")
    return 0 if n_killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
