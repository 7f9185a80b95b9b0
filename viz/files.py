"""Files that are written whole or not at all."""

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: after an error, such as a full disk, the old file is still there.

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
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
