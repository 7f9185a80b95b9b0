"""Layout: DOT text becomes a picture, by the system's ``dot`` or by pygraphviz, which contains Graphviz."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

INSTALL = 'pip install "chainrule[layout]", or install Graphviz (https://graphviz.org/download) so that `dot` is on the PATH'

# A program that does with pygraphviz what the command `dot` does: the same options, DOT text in, picture out. It runs in a process
# of its own, so that a crash inside Graphviz ends that process and not the user's session.
DOT_BY_PYGRAPHVIZ = """
import sys
sys.path[:] = filter(None, sys.path)  # not the current directory, whose random.py would hide the real one
sys.tracebacklimit = 0
import pygraphviz
options = {option[1]: option[2:] for option in sys.argv[1:]}
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
engine = "nop" + options["n"] if "n" in options else options["K"]
sys.stdout.buffer.write(graph.draw(prog=engine, format=options["T"]))
"""


class LayoutError(RuntimeError):
    """No program is installed that could lay out a picture, or the program failed.

    Attributes:
        source: the text of the picture in the DOT language, which any Graphviz program can lay out.

    >>> try:
    ...     lay_out("no graph at all")
    ... except LayoutError as error:
    ...     print(error.source)
    no graph at all
    """

    def __init__(self, message: str, source: str = "") -> None:
        super().__init__(message)
        self.source = source


def lay_out(source: str, options: Sequence[str] = ("-Kdot", "-Tsvg"), *, dot: str = "dot", quiet: bool = False) -> bytes:
    """The bytes of the picture that Graphviz makes of a DOT text.

    Args:
        source: the DOT text.
        options: options of the command ``dot``: -K with the engine, -T with the format.
        dot: the command. If it is not installed, pygraphviz does its work.
        quiet: whether to drop the warnings about a picture that was made; otherwise they go to ``sys.stderr``.

    Raises:
        LayoutError: if neither is installed, or the one that is fails.
    """
    if program := shutil.which(dot):
        command = [program, *options]
    elif sys.executable and find_spec("pygraphviz"):
        program, command = "pygraphviz", [sys.executable, "-W", "ignore", "-c", DOT_BY_PYGRAPHVIZ, *options]
    else:
        raise LayoutError(
            f'no program is installed that could lay out the picture: {INSTALL}. Its text is kept: .save("graph.gv") '
            "writes it to a file, .source holds it (here and on the picture)",
            source,
        )
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would open one for each command
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, creationflags=no_window, check=False)
    except OSError as error:
        raise LayoutError(f"{program} could not be started: {error}. Repair it, or {INSTALL}", source) from None
    messages = [
        line for line in done.stderr.decode(errors="replace").splitlines() if line and not line.startswith("Fontconfig")
    ]
    if done.returncode:
        end = subprocess.CalledProcessError(done.returncode, program)  # its text names the signal that ended the process
        complaint = _complaint(messages, source) or end
        raise LayoutError(f"{program} could not lay out the picture: {complaint} (its text is kept in .source)", source)
    if messages and not quiet:
        sys.stderr.write("\n".join(messages) + "\n")
    return done.stdout


def _complaint(messages: Sequence[str], source: str) -> str:
    """The first error among the messages of the program, with the line of the source that it names."""
    complaint = next((line[:200] for line in messages if not line.startswith("Warning")), "")
    lines = source.splitlines()
    where = re.search(r"in line (\d+)", complaint)
    if where and 0 < int(where[1]) <= len(lines):
        complaint += f"; line {where[1]} is {lines[int(where[1]) - 1].strip()[:100]!r}"
    return complaint
