"""Breaks the code on purpose, one line at a time, and says whether a test fails: each mutation must be killed.

    python tests/mutations/mutate.py

Works on a copy of the repository. The exit code is 1 if a mutation survives, or if its line is not there any more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutation:
    """A line of a file below embedcli/, what it becomes, and the tests that should notice."""

    what: str
    file: str
    line: str
    becomes: str
    tests: str


COMPONENTS, ENGINE = "evidence/test_components.py", "training/test_engines.py"
POSTERIOR = "evidence/test_posterior.py"
MUTATIONS = (
    Mutation("no burn-in", "evidence/posterior.py", "BURN_IN = 40", "BURN_IN = 0", POSTERIOR),
    Mutation(
        "modes, not draws",
        "evidence/posterior.py",
        "tau * linear + precision @ mean, noise)",
        "tau * linear + precision @ mean, 0 * noise)",
        POSTERIOR,
    ),
    Mutation("noise halved", "evidence/posterior.py", "items, tau**-0.5", "items, tau**-0.5 / 2", POSTERIOR),
    Mutation("variance for sd", "evidence/posterior.py", "items, tau**-0.5", "items, 1 / tau", POSTERIOR),
    Mutation(
        "no popularity prior",
        "evidence/posterior.py",
        "(log_n - log_n.mean()) / max(log_n.std(), 1e-9)",
        "0 * log_n",
        POSTERIOR,
    ),
    Mutation(
        "modes, not draws, by calibration",
        "evidence/posterior.py",
        "tau * linear + precision @ mean, noise)",
        "tau * linear + precision @ mean, 0 * noise)",
        "evidence/test_calibration.py",
    ),
    Mutation("no margin", "evidence/components.py", "MARGIN * largest", "largest", COMPONENTS),
    Mutation(
        "fold axes of the whole",
        "evidence/components.py",
        "observations.take(fold != f), observations.take(fold == f)",
        "observations, observations.take(fold == f)",
        COMPONENTS,
    ),
    Mutation(
        "all fold axes those of the first",
        "evidence/components.py",
        "axes.append(v)",
        "axes.append((axes or [v])[0])",
        COMPONENTS,
    ),
    Mutation(
        "decay of the biases on the factors",
        "training/engines/torch.py",
        '"factors": config.weight_decay',
        '"factors": config.bias_weight_decay',
        ENGINE,
    ),
    Mutation(
        "schedule begun again in each epoch",
        "training/engines/torch.py",
        "one_cycle(state.step,",
        "one_cycle(state.step % steps_per_epoch(config, n_rows),",
        ENGINE,
    ),
    Mutation("no bias correction", "training/engines/torch.py", "float(n_steps)", "1e6", ENGINE),
    Mutation("rows in one order", "training/state.py", "rng.permutation(rows)", "rows", ENGINE),
    Mutation(
        "shaky axes named",
        "analysis/pca.py",
        "if stability < STABLE:",
        "if stability < 0.85:",
        "analysis/test_pca.py",
    ),
    Mutation(
        "any counterpart accepted",
        "analysis/components.py",
        "tests[j] if agreed >= SHAKY else None",
        "tests[j]",
        "analysis/test_pca.py",
    ),
    Mutation(
        "gate removed",
        "analysis/effects.py",
        " & (np.abs(sizes) > gate)",
        "",
        "analysis/test_pca.py -k unrelated",
    ),
    Mutation(
        "one-sided intervals",
        "analysis/biases.py",
        "np.quantile(draws, (tail, 1 - tail), axis=0)",
        "np.quantile(draws, (2 * tail, 1.0), axis=0)",
        "analysis/test_biases.py",
    ),
    Mutation(
        "one-sided ranks",
        "analysis/biases.py",
        "np.quantile(own, (self.tail, 1 - self.tail)",
        "np.quantile(own, (0.0, 1 - self.tail)",
        "analysis/test_biases.py",
    ),
    Mutation(
        "stars of the mean user",
        "run/canonical.py",
        "sigmoid(logits).mean(0",
        "sigmoid(logits.mean(0, keepdims=True)).mean(0",
        "run/test_canonical.py",
    ),
    Mutation(
        "seeds left out of the interval of the RMSE",
        "analysis/compare.py",
        "(n_members - 1) * np.var(",
        "0 * np.var(",
        "analysis/test_compare.py",
    ),
    Mutation("no sha256", "run/files.py", "if digest != sha256:", "if False:", "run/test_store.py"),
    Mutation(
        "run.json not sealed",
        "run/files.py",
        'if about.get("sha256") != seal(about):',
        "if False:",
        "cli/test_bad_input.py -k something_else",
    ),
    Mutation("leftovers kept", "scratch.py", "if lock.is_ours or (", "if (", "test_scratch.py"),
)


def is_killed(mutation: Mutation, copy: Path) -> bool:
    """Tell whether a test fails with the mutation in place."""
    path = copy / "embedcli" / mutation.file
    source = path.read_text(encoding="utf-8")
    if mutation.line not in source:
        raise SystemExit(f"{mutation.what}: {mutation.file} has no {mutation.line!r} any more")
    path.write_text(source.replace(mutation.line, mutation.becomes, 1), encoding="utf-8")
    file, *options = mutation.tests.split()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--numprocesses=0", f"tests/{file}", *options]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    path.write_text(source, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(f"{mutation.what}: the tests did not run\n{done.stdout}{done.stderr}")
    return done.returncode == 1


def main() -> int:
    """Make every mutation and print what became of it; return 1 if one survived."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        kept = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__", ".hypothesis", "runs")
        shutil.copytree(ROOT, copy, ignore=kept)
        killed = []
        for mutation in MUTATIONS:
            killed.append(is_killed(mutation, copy))
            print(f"{'killed  ' if killed[-1] else 'SURVIVED'} {mutation.what}", flush=True)
    print(f"{sum(killed)} of {len(killed)} mutations killed")
    return 0 if all(killed) else 1


if __name__ == "__main__":
    sys.exit(main())
