"""Completion: what a shell gets when the user presses Tab."""

import os
import subprocess
import sys

import pytest

from node_poc.manage.cli import main
from node_poc.manage.completion import SHELLS

PROGRAM = "import sys; from node_poc.manage.cli import main; sys.exit(main())"


def completed(line, folder):
    """Ask the command as a shell does: by argcomplete's variables, the answer in a file."""
    answer = folder / "answer"
    environment = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "XDG_CONFIG_HOME": str(folder),
    }
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    return answer.read_text().split("\013")


def test_commands_options_and_names_are_completed(tmp_path):
    nodes = tmp_path / "vantage6" / "node"
    nodes.mkdir(parents=True)
    for name in ("hospital-a", "hospital-b", "other"):
        (nodes / f"{name}.yaml").touch()
    assert set(completed("v6-node st", tmp_path)) == {"start", "status", "stop"}
    assert "--dry-run" in completed("v6-node start --d", tmp_path)
    found = completed("v6-node start --name hosp", tmp_path)
    assert set(found) == {"hospital-a", "hospital-b"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_lines(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "v6-node" in capsys.readouterr().out


def test_another_shell_is_wrong_usage():
    with pytest.raises(SystemExit) as ended:
        main(["completion", "tcsh"])
    assert ended.value.code == 2
