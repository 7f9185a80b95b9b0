"""Layout: DOT text becomes a picture, by the system's ``dot`` or by pygraphviz, which contains Graphviz."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

INSTALL = "pip install pygraphviz, or install Graphviz (https://graphviz.org/download) so that `dot` is on the PATH"

LIMIT_SECONDS = 120
"""How long a layout may take; graphs of a few hundred nodes take seconds."""

BEGINNINGS = {
    "png": b"\x89PNG",
    "pdf": b"%PDF",
    "gif": b"GIF8",
    "jpg": b"\xff\xd8",
    "jpeg": b"\xff\xd8",
    "ps": b"%!PS",
    "svgz": b"\x1f\x8b",
}
"""How files of a format begin."""

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
        LayoutError: if neither is installed, or the one that is fails, takes longer than ``LIMIT_SECONDS`` or writes no picture.
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
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=LIMIT_SECONDS, creationflags=no_window, check=False
        )
    except OSError as error:
        raise LayoutError(f"{program} could not be started: {error}. Repair it, or {INSTALL}", source) from None
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"{program} was stopped after {LIMIT_SECONDS} seconds; draw a smaller part of the graph (its text is kept in .source)",
            source,
        ) from None
    messages = [
        line for line in done.stderr.decode(errors="replace").splitlines() if line and not line.startswith("Fontconfig")
    ]
    if done.returncode:
        end = subprocess.CalledProcessError(done.returncode, program)  # its text names the signal that ended the process
        complaint = _complaint(messages, source) or end
        raise LayoutError(f"{program} could not lay out the picture: {complaint} (its text is kept in .source)", source)
    if not _is_picture(done.stdout, options):
        raise LayoutError(
            f"{program} ended without an error, but what it wrote is no picture in the format that was asked for, "
            f"{' '.join(options)}: it begins with {done.stdout[:40]!r}. Is it Graphviz? (its text is kept in .source)",
            source,
        )
    if messages and not quiet:
        sys.stderr.write("\n".join(messages) + "\n")
    return done.stdout


def _is_picture(content: bytes, options: Sequence[str]) -> bool:
    """Whether a file in the format of the options begins, and SVG also ends, as this content does; of others that there is some."""
    kind = next((option[2:].partition(":")[0] for option in options if option.startswith("-T")), "")
    if kind == "svg":
        return b"<svg" in content and content.rstrip().endswith(b"</svg>")
    return bool(content) and content.startswith(BEGINNINGS.get(kind, b""))


def _complaint(messages: Sequence[str], source: str) -> str:
    """The first error among the messages of the program, with the line of the source that it names."""
    complaint = next((line[:200] for line in messages if not line.startswith("Warning")), "")
    lines = source.splitlines()
    where = re.search(r"in line (\d+)", complaint)
    if where and 0 < int(where[1]) <= len(lines):
        complaint += f"; line {where[1]} is {lines[int(where[1]) - 1].strip()[:100]!r}"
    return complaint
