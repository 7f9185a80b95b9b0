"""A data set read from a CSV file."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import TextIO

from nn.data.dataset import DataError, Dataset

LARGEST_FEATURE = 1e100  # so that squares of features can be summed
MAX_LINE_CHARS = 1_000_000
YEAR_DIGITS = 4


def read_csv(path: str | Path, target: str | None = None) -> Dataset:
    """Classification data from a CSV file: a header, numbers, and a column of labels.

    Args:
        path: the file, in UTF-8, its columns separated by commas. A first column without a name is an index, as pandas writes it, and
            is left out; any other is called ``Unnamed: 3``, as pandas calls it. Years may be names of columns.
        target: the header of the column of labels; None for the last column. All other columns are features.

    Raises:
        DataError: if the file cannot be read or is not such a table; the message names the line, the column and the remedy.

    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "fruit.csv"
    >>> _ = file.write_text("weight,width,fruit\\n150,7.1,apple\\n120,oops,pear\\n")
    >>> try:
    ...     read_csv(file)
    ... except DataError as error:
    ...     print(str(error).removeprefix(str(file)))
    , line 3, column 'width': 'oops' is not a number below 1e+100; write one, or drop the row or the column
    """
    path = Path(path)
    rows = _rows(path)
    _, first = next(rows, (0, []))
    if not first:
        raise DataError(f"{path} is empty; it needs a header line and one line for each example")
    skipped = int(not first[0])  # an index
    header = [name or f"Unnamed: {k}" for k, name in enumerate(first)][skipped:]
    if len(header) < 2:
        raise DataError(f"{path}, line 1: only one column, {header[0]!r}; separate features and label with commas")
    no_header = f"{path}, line 1: the header is missing: {','.join(header)[:60]} are data; name each column there"
    label = len(header) - 1 if target is None else _column(path, header, target)
    names = header[:label] + header[label + 1 :]
    if all(map(_is_number, names)) and not all(map(_is_year, names)):
        raise DataError(no_header)
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise DataError(f"{path}, line 1: two columns are called {name!r}; give each a name of its own")
    x, labels = [], []
    for line, cells in rows:
        if len(cells) != len(first):
            raise DataError(
                f"{path}, line {line}: {len(cells)} columns where the header has {len(first)}; complete or drop the row"
            )
        row = cells[skipped:]
        if not row[label]:
            raise DataError(f"{path}, line {line}, column {header[label]!r}: the label is missing; fill it in or drop the row")
        for name, cell in zip(names, row[:label] + row[label + 1 :], strict=True):
            if not _is_number(cell):
                raise DataError(
                    f"{path}, line {line}, column {name!r}: {cell!r} is not a number below {LARGEST_FEATURE:g}; "
                    "write one, or drop the row or the column"
                )
        x.append([float(cell) for k, cell in enumerate(row) if k != label])
        labels.append(row[label])
    if not labels:
        raise DataError(f"{path} has a header but no examples; add one line for each")
    counts = Counter(labels)
    if all(map(_is_year, names)) and header[label] in counts:  # no years, since their line has a label too
        raise DataError(no_header)
    classes = sorted(counts, key=lambda name: (not _is_number(name), float(name) if _is_number(name) else 0.0, name))
    if not 2 <= len(classes) <= max(2, len(labels) // 2):
        raise DataError(
            f"{path}, column {header[label]!r}: {len(classes)} different labels in {len(labels)} examples; "
            "a column of classes, at least two of them, is needed (choose it with --target)"
        )
    for name in classes:
        if counts[name] < 2:
            raise DataError(
                f"{path}, column {header[label]!r}: the label {name!r} has one example; it takes two, to train and to test"
            )
    number = {name: k for k, name in enumerate(classes)}
    return Dataset(path.stem, tuple(names), tuple(classes), x, [number[name] for name in labels])


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file with their line numbers, without blank lines and without spaces around cells."""
    try:
        if not S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise DataError(
                f"{path} is no file but a device or a pipe, which may never end; save its text as a file, and read that"
            )
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(_lines(path, file), strict=True)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, [cell.strip() for cell in row]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}; check the path") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text in UTF-8; save it as a CSV file in UTF-8") from None
    except DataError:
        raise
    except ValueError as error:  # of a NUL in the name, or a character that the file system has no code for
        raise DataError(f"{str(path)!r} is no name that a file can have ({error}); check the path") from None
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: not well-formed CSV ({error}); check the quotes") from None


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of a file, of which none is so long that it cannot be a row of numbers."""
    number = 0
    while line := file.readline(MAX_LINE_CHARS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARS:
            raise DataError(
                f"{path}, line {number}: longer than {MAX_LINE_CHARS:,} characters; write each example on a line of its own"
            )
        yield line


def _column(path: Path, header: list[str], target: str) -> int:
    if target not in header:
        raise DataError(f"{path}, line 1: no column is called {target!r}; there are {', '.join(map(repr, header))}")
    return header.index(target)


def _is_year(name: str) -> bool:
    return len(name) == YEAR_DIGITS and name.isdecimal()


def _is_number(cell: str) -> bool:
    try:
        return abs(float(cell)) < LARGEST_FEATURE and "_" not in cell  # Python reads 1_000 as a number, other programs do not
    except ValueError:
        return False
