"""The picture as an object: a ``graphviz.Digraph`` that uses whichever layout program is installed."""

# ruff: noqa: A001, A002  (the arguments have the names that graphviz gave them)

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias, overload

import graphviz
from graphviz.backend import dot_command, rendering

from autograd.files import write_whole
from viz.dot.layout import LayoutError, lay_out

FilePath: TypeAlias = str | os.PathLike[str]


class Digraph(graphviz.Digraph):  # type: ignore[misc]  # the graphviz package has no types
    r"""A ``graphviz.Digraph`` that needs no ``dot`` on the system, and writes files whole or not at all.

    Everything in the graphviz package works: ``node`` and ``edge`` add to the picture, ``save`` writes its text. Without ``dot``,
    pygraphviz does the layout. With neither, ``pipe`` and ``render`` raise a ``LayoutError``, and a notebook shows the text and
    what to install.

    >>> picture = Digraph("g")
    >>> picture.edge("a", "b")
    >>> isinstance(picture, graphviz.Digraph), picture.source.split()
    (True, ['digraph', 'g', '{', 'a', '->', 'b', '}'])
    """

    filename: str
    directory: str

    @overload
    def pipe(self, format: str | None = None, *, encoding: str, **options: Any) -> str: ...
    @overload
    def pipe(self, format: str | None = None, *, encoding: None = None, **options: Any) -> bytes: ...
    def pipe(
        self, format: str | None = None, *, encoding: str | None = None, quiet: bool = False, **options: Any
    ) -> bytes | str:
        """The picture in a format such as svg, png or pdf: bytes, or text if an encoding is given.

        The other arguments are those of ``graphviz.Digraph.pipe``: ``engine``, ``renderer``, ``formatter``, ``neato_no_op``, and
        ``quiet``, which drops Graphviz's warnings.

        Raises:
            ValueError: if graphviz knows no such format, engine, renderer or formatter.
            LayoutError: if there is no layout program, or if it fails.
        """
        defaults = {"engine": self.engine, "renderer": self.renderer, "formatter": self.formatter}
        chosen = {name: value for name, value in options.items() if value is not None}
        dot, *arguments = dot_command.command(format_=(format or self.format).lower(), **(defaults | chosen))
        picture = lay_out(self.source, arguments, dot=os.fspath(dot), quiet=quiet)
        return picture if encoding is None else picture.decode(encoding)

    def save(
        self, filename: FilePath | None = None, directory: FilePath | None = None, *, skip_existing: bool | None = False
    ) -> str:
        """Write the text to ``filename``, which with ``skip_existing`` is left as it is if it exists, and return its path."""
        self.filename, self.directory = os.fspath(filename or self.filename), os.fspath(directory or self.directory)
        path = os.path.join(self.directory, self.filename)
        if not (skip_existing and os.path.exists(path)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self.source.encode(self.encoding))
        return path

    def render(
        self,
        filename: FilePath | None = None,
        directory: FilePath | None = None,
        *,
        outfile: FilePath | None = None,
        format: str | None = None,
        view: bool = False,
        quiet_view: bool = False,
        cleanup: bool = False,
        raise_if_result_exists: bool = False,
        overwrite_source: bool = False,
        **options: Any,
    ) -> str:
        """Write the text to ``filename``, and the picture to ``outfile`` or to ``filename`` with the format appended.

        The arguments are those of ``graphviz.Digraph.render``: ``cleanup`` deletes the text again, ``view`` opens the picture, and
        ``options`` are those of ``pipe``. Nothing is written before the picture is complete.

        Returns:
            The path of the picture.

        Raises:
            ValueError: as in ``pipe``, or if picture and text would be the same file.
            graphviz.FileExistsError: if the picture exists, and ``raise_if_result_exists`` is set.
            LayoutError: as in ``pipe``.
        """
        if outfile is not None:
            format = rendering.get_format(Path(outfile), format=format)
            filename = filename or Path(outfile).with_suffix(".gv")
        filename = filename or self.filename
        folder = self.directory if directory is None else directory
        text_file = Path(folder, filename)
        if outfile is None:
            suffixes = (
                options.get("formatter") or self.formatter,
                options.get("renderer") or self.renderer,
                format or self.format,
            )
            picture_file = text_file.with_name(".".join([text_file.name, *filter(None, suffixes)]))
        else:
            picture_file = Path(self.directory if directory is None else "", outfile)

        if picture_file.resolve() == text_file.resolve() and not overwrite_source:
            raise ValueError(
                f"picture and text would both be {str(text_file)!r}; give another filename, or overwrite_source=True"
            )
        if raise_if_result_exists and overwrite_source:
            raise ValueError("raise_if_result_exists and overwrite_source contradict each other")
        if raise_if_result_exists and picture_file.exists():
            raise graphviz.FileExistsError(f"there is a file {str(picture_file)!r} already")

        picture = self.pipe(format, **options)
        self.filename, self.directory = os.fspath(filename), os.fspath(folder)
        text_file.parent.mkdir(parents=True, exist_ok=True)
        picture_file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(text_file, self.source.encode(self.encoding))
        write_whole(picture_file, picture)
        if cleanup:
            text_file.unlink()
        if view or quiet_view:
            graphviz.view(picture_file, quiet=quiet_view)
        return str(picture_file)

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **options: Any
    ) -> dict[str, bytes | str]:
        """What a notebook shows: the picture, or if there is no layout the reason and the text."""
        try:
            bundle: dict[str, bytes | str] = super()._repr_mimebundle_(include, exclude, **options)
        except LayoutError as error:
            return {"text/plain": f"// {error}\n{self.source}"}
        return bundle
