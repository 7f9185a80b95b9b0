"""Reruns the chapters of ``docs/derivations`` and updates their outputs: ``python docs/chapters.py``.

A chapter is Markdown as jupytext reads it: each fenced block of python is a cell. The output of a cell stands after it between
two marks, so that a reader need not run the page. Jupyter with jupytext opens the page as a notebook;
``python docs/chapters.py --notebooks FOLDER`` writes executed ``.ipynb`` files.
"""

import argparse
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent / "derivations"
BEGIN, END = "<!-- output -->", "<!-- end of output -->"
SHOWN = re.compile(rf"\n{BEGIN}\n.*?\n{END}\n", re.DOTALL)
CELL = re.compile(r"^```python\n.*?^```\n", re.DOTALL | re.MULTILINE)


def chapters() -> list[Path]:
    """The pages that have cells, in order."""
    return sorted(page for page in HERE.glob("*.md") if CELL.search(page.read_text(encoding="utf-8")))


def source(page: str) -> str:
    """The page without outputs: what its author wrote."""
    return SHOWN.sub("", page)


def executed(page: str) -> Any:
    """The page as a notebook that was run from top to bottom in a kernel of its own. An error in a cell is raised here."""
    notebook = jupytext.reads(source(page), fmt="md")
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(HERE)}}).execute()
    return notebook


def refreshed(page: str, name: str) -> tuple[str, dict[str, str]]:
    """The page with the outputs of this run, and its figures by file name."""
    outputs = [cell.outputs for cell in executed(page).cells if cell.cell_type == "code"]
    figures: dict[str, str] = {}
    remaining = iter(outputs)

    def with_output(cell: re.Match[str]) -> str:
        parts = list(_parts(next(remaining), name, figures))
        shown = "\n\n".join(parts)
        return f"{cell.group()}\n{BEGIN}\n{shown}\n{END}\n" if parts else cell.group()

    fresh = CELL.sub(with_output, source(page))
    assert next(remaining, None) is None, f"{name}: a cell that jupytext sees is not a fenced block of python"
    return fresh, figures


def _parts(outputs: Iterable[Any], name: str, figures: dict[str, str]) -> Iterable[str]:
    """The outputs of a cell as Markdown: printed text, figures, typeset derivations, and other results as text."""
    for data in _with_printed_text_joined(outputs):
        if "image/svg+xml" in data:
            file = f"{name}-{len(figures) + 1}.svg"
            figures[file] = data["image/svg+xml"]
            yield f"![figure {len(figures)}](figures/{file})"
        elif "text/markdown" in data:
            yield for_every_renderer(data["text/markdown"].strip())
        else:
            yield f"```text\n{data['text/plain'].rstrip()}\n```"


def for_every_renderer(text: str) -> str:
    """The same text, changed so that GitHub, which reads escapes and emphasis first, leaves the formulas alone."""
    text = re.sub(r"(?<=[}\])'])_(?=\S)", "_ ", text.replace("\\\\", r"\cr"))
    return re.sub(r"\*\*(\$[^$\n]+\$)", r"\1**", text)


def _with_printed_text_joined(outputs: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """The data of each output, with the printed text in one piece: it arrives in several, which differ from run to run."""
    for kind, pieces in groupby(outputs, key=lambda output: output.output_type):
        if kind == "stream":
            yield {"text/plain": "".join(piece.text for piece in pieces)}
        else:
            yield from (piece.data for piece in pieces)


def write(path: Path) -> None:
    """Run a chapter and write its page and figures."""
    fresh, figures = refreshed(path.read_text(encoding="utf-8"), path.stem)
    (HERE / "figures").mkdir(exist_ok=True)
    for file, svg in figures.items():
        (HERE / "figures" / file).write_text(svg, encoding="utf-8")
    path.write_text(fresh, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the chapters and update their outputs.")
    parser.add_argument("chapters", nargs="*", type=Path, help="pages; without one, all chapters")
    parser.add_argument(
        "--notebooks", type=Path, metavar="FOLDER", help="write executed notebooks to this folder, and do not change the pages"
    )
    arguments = parser.parse_args()
    for path in arguments.chapters or chapters():
        if arguments.notebooks:
            arguments.notebooks.mkdir(parents=True, exist_ok=True)
            nbformat.write(executed(path.read_text(encoding="utf-8")), arguments.notebooks / f"{path.stem}.ipynb")
        else:
            write(path)


if __name__ == "__main__":
    main()
