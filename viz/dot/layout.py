"""From DOT text to a picture: through the system's ``dot``, or through pygraphviz, which brings Graphviz along."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

INSTALL = 'pip install "chainrule[layout]", or install Graphviz (https://graphviz.org/download) so that `dot` is on the PATH'

# What the command `dot` does, done by pygraphviz: the same options, DOT text in, picture out. It runs as a process of its
# own, so that a crash inside Graphviz ends that process and not the user's session.
STAND_IN = """
import sys
sys.path[:] = filter(None, sys.path)  # not the current directory: a random.py there is not the one that is meant
sys.tracebacklimit = 0
import pygraphviz
options = {option[1]: option[2:] for option in sys.argv[1:]}
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
engine = "nop" + options["n"] if "n" in options else options["K"]
sys.stdout.buffer.write(graph.draw(prog=engine, format=options["T"]))
"""


class LayoutError(RuntimeError):
    """There is no program that could lay out a picture, or it failed.

    Attributes:
        source: the text of the picture in the DOT language, which any Graphviz program can still lay out.

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
    """The picture that Graphviz makes of a DOT text.

    Args:
        source: the text.
        options: of the command ``dot``: -K with the engine, -T with the format.
        dot: the command. If it is not there, pygraphviz stands in for it.
        quiet: whether to drop the warnings of a picture that succeeded; otherwise they go to ``sys.stderr``.

    Raises:
        LayoutError: if there is neither, or if it fails.
    """
    if program := shutil.which(dot):
        command = [program, *options]
    elif sys.executable and find_spec("pygraphviz"):
        program, command = "pygraphviz", [sys.executable, "-W", "ignore", "-c", STAND_IN, *options]
    else:
        raise LayoutError(
            f'no program is installed that could lay out the picture: {INSTALL}. Its text is kept: .save("graph.gv") '
            "writes it to a file, .source holds it (here and on the picture)",
            source,
        )
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows, where each command would open one
    try:
        done = subprocess.run(command, input=source.encode(), capture_output=True, creationflags=no_window, check=False)
    except OSError as error:
        raise LayoutError(f"{program} could not be started: {error}. Repair it, or {INSTALL}", source) from None
    said = [line for line in done.stderr.decode(errors="replace").splitlines() if line and not line.startswith("Fontconfig")]
    if done.returncode:
        end = subprocess.CalledProcessError(done.returncode, program)  # names the signal, if it was one
        complaint = _complaint(said, source) or end
        raise LayoutError(f"{program} could not lay out the picture: {complaint} (its text is kept in .source)", source)
    if said and not quiet:
        sys.stderr.write("\n".join(said) + "\n")
    return done.stdout


def _complaint(said: Sequence[str], source: str) -> str:
    """The first error in what the program said, and the line of the source that it names."""
    complaint = next((line[:200] for line in said if not line.startswith("Warning")), "")
    lines = source.splitlines()
    where = re.search(r"in line (\d+)", complaint)
    if where and 0 < int(where[1]) <= len(lines):
        complaint += f"; line {where[1]} is {lines[int(where[1]) - 1].strip()[:100]!r}"
    return complaint
