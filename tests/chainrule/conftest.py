"""A fixture that runs the command as a user runs it."""

import sys

import pytest

from chainrule import cli


@pytest.fixture
def chainrule(capsys, monkeypatch, tmp_path):
    """A function that runs the command here, in an empty folder, and returns (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["chainrule", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return exit_.value.code, *capsys.readouterr()

    return run
