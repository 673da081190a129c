"""Hostile files: each ends in one error, no code in it runs, and none takes more than 1 GB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import SENTINEL, files, write_all

MOST_MEMORY = 1 << 30  # bytes
CHILD = """
import json, re, resource, sys
from pathlib import Path
import embedcli
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
for path in sys.argv[2:]:
    try:
        embedcli.import_run(path)
        end = ["imported", "", ""]
    except embedcli.EmbedcliError as error:
        end = [type(error).__name__, error.message, error.hint]
    except BaseException as error:
        end = ["unexpected", repr(error), ""]
    print(json.dumps([path, *end]), flush=True)
status = Path("/proc/self/status")  # ru_maxrss begins with what the parent had
peak = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
print(json.dumps(int(peak[1]) * 1024 if peak else 0))
"""


def test_hostile_files_end_in_one_error_each(tmp_path: Path) -> None:
    """Every file is refused in one line with a hint, in a process that may take 1 GB, and runs nothing."""
    paths = write_all(tmp_path / "hostile")
    assert len(paths) >= 50
    command = [sys.executable, "-c", CHILD, str(MOST_MEMORY), *map(str, paths)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *ends, peak = map(json.loads, done.stdout.splitlines())
    assert [end[0] for end in ends] == list(map(str, paths))
    wrong = [end for end in ends if end[1] not in ("DataError", "UsageError")]
    assert not wrong
    assert not [end for end in ends if not end[2] or not end[3] or "\n" in end[2] + end[3]]
    assert not list(tmp_path.rglob(SENTINEL))
    assert peak < MOST_MEMORY


def test_hostile_code_is_real(tmp_path: Path) -> None:
    """The pickles of the hostile files would run code if they were opened as Python does."""
    script = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))"
    (tmp_path / "model.pkl").write_bytes(files()["model.pkl"])
    subprocess.run([sys.executable, "-c", script, "model.pkl"], cwd=tmp_path, check=True)
    assert (tmp_path / SENTINEL).exists()


@pytest.mark.parametrize("name", ["system.pt", "same-ids.npz"])
def test_an_error_is_one_line_and_a_hint(name: str, tmp_path: Path, embedcli) -> None:  # type: ignore[no-untyped-def]
    """The command says what is wrong in one line, and what to do in another; no run is left."""
    (tmp_path / name).write_bytes(files()[name])
    result = embedcli("import", name)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["error", "hint"]
    assert not (tmp_path / "runs").exists()
