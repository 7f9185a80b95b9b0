"""Files that are written whole or not at all. Programs, pictures and the demo write theirs by this one function."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import BinaryIO

from autograd.interrupts import with_undo


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all: after an error, such as a full disk, or an interrupt the old file is still there.

    The content goes to a new file beside it, whose name nobody else has, and which then takes its place and has its permissions.

    Args:
        path: where to write; the folder must exist. A link stays a link, and a device such as /dev/stdout is written to directly.
        content: the bytes.

    Raises:
        OSError: if the file cannot be written.
        ValueError: if no file can have this name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "a.txt"), b"words")
    ...     Path(folder, "a.txt").read_text(), len(list(Path(folder).iterdir()))
    ('words', 1)
    """
    target = os.path.realpath(path)
    try:
        old = os.stat(path)
    except FileNotFoundError:
        old = None
    if old and not (
        S_ISREG(old.st_mode) and os.path.exists(target)
    ):  # /dev/stdout may lead to a file that has no name any more
        with open(path, "wb") as device:
            device.write(content)
        return
    if old and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
    part = Path(target).with_name(f".{os.urandom(16).hex()}.part")
    opened: list[BinaryIO] = []

    def write() -> None:
        opened.append(open(part, "xb"))  # noqa: SIM115  (x: a new file, and no link)
        if old:
            os.chmod(part, S_IMODE(old.st_mode))
        opened[0].write(content)
        opened[0].flush()
        os.fsync(opened[0].fileno())  # some disks say only here that they are full
        opened[0].close()
        os.replace(part, target)

    def undo() -> None:
        for file in opened:
            with suppress(OSError):  # what it could not write it tries again
                file.close()
        part.unlink(missing_ok=True)

    try:
        with_undo(write, undo)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None  # the file that was asked for
