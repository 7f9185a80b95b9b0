"""Files that are written whole or not at all, by whatever package, on full disks, after interrupts, from several threads."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import autograd
import viz
from autograd import Value
from autograd.files import write_whole
from tests.interrupts import strikes

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX has these permissions, links and limits")


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_new_file_and_an_old_one(tmp_path):
    for content in b"old", b"", b"new" * 10_000:
        write_whole(tmp_path / "a", content)
        assert files(tmp_path) == {"a": content}
    write_whole(str(tmp_path / "b"), b"of a path that is text")
    assert set(files(tmp_path)) == {"a", "b"}


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755])
def test_the_permissions_of_the_old_file_stay(tmp_path, mode):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_whole(path, b"new")
    assert (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) == (mode, b"new")


@posix
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    write_whole(tmp_path / "a", b"words")
    (tmp_path / "b").write_bytes(b"words")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@posix
@pytest.mark.skipif(os.name == "posix" and os.getuid() == 0, reason="root may write what is read-only")
def test_a_file_that_is_read_only_stays(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match=str(path)):
        write_whole(path, b"new")
    assert files(tmp_path) == {"a": b"old"}


@posix
def test_a_users_own_part_is_left_alone(tmp_path):
    (tmp_path / "a.part").write_bytes(b"half of my novel")
    (tmp_path / "elsewhere").write_bytes(b"the other half")
    (tmp_path / "b.part").symlink_to(tmp_path / "elsewhere")
    for name in "a", "b":
        write_whole(tmp_path / name, b"new")
    expected = {
        "a": b"new",
        "b": b"new",
        "a.part": b"half of my novel",
        "elsewhere": b"the other half",
        "b.part": b"the other half",
    }
    assert files(tmp_path) == expected


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    for content in b"first", b"second":
        write_whole(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert files(tmp_path / "there") == {"file": content}


@posix
def test_a_device_is_written_to(capfdbinary):
    write_whole("/dev/stdout", b"words")
    assert capfdbinary.readouterr().out == b"words"
    out, into = os.pipe()
    write_whole(f"/dev/fd/{into}", b"to a pipe")
    assert os.read(out, 100) == b"to a pipe"
    os.close(out), os.close(into)


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    for path in tmp_path / "nowhere" / "a", tmp_path:
        with pytest.raises(OSError) as error:
            write_whole(path, b"words")
        assert error.value.filename == str(path)
    assert files(tmp_path) == {}
    with pytest.raises(ValueError, match="null"):
        write_whole(tmp_path / "a\0b", b"words")


def test_threads_that_write_one_file_write_it_whole(tmp_path):
    contents = [bytes([65 + k]) * 200_000 for k in range(4)]
    failures = []

    def write(content):
        try:
            for _ in range(40):
                write_whole(tmp_path / "a", content)
                if (tmp_path / "a").read_bytes() not in contents:
                    failures.append("a mixture")
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert failures == []
    assert files(tmp_path)["a"] in contents
    assert len(files(tmp_path)) == 1


# --- what goes wrong ------------------------------------------------------------------------------------------------------

FULL = """
import resource, sys
from pathlib import Path
import autograd, nn, viz
from autograd.files import write_whole
from chainrule import demo

x = autograd.Value(3.0, "x")
y = x
for k in range(100):
    y = y + x * k
program = autograd.compile(lambda z: sum(x * z * k for k in range(500)), [x], shapes=[()], executor="plain")
picture = viz.draw(y, max_nodes=None)
picture.pipe = lambda *args, **options: "svg" * 5000 if options.get("encoding") else b"svg" * 5000
writers = {
    "write_whole": lambda: write_whole("old", b"new" * 5000),
    "Program.save": lambda: program.save("old"),
    "picture.save": lambda: picture.save("old"),
    "picture.render": lambda: picture.render("old", outfile="old.svg"),
    "demo": lambda: demo._write(Path("old"), picture),
}
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    writers[sys.argv[1]]()
except Exception as error:
    print(type(error).__name__)
"""


@posix
@pytest.mark.parametrize("writer", ["write_whole", "Program.save", "picture.save", "picture.render", "demo"])
def test_a_full_disk_leaves_the_old_file(tmp_path, writer):
    old = {"old": b"old", "old.dot": b"old", "old.svg": b"old"}
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", FULL, writer],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == ("UsageError" if writer == "demo" else "OSError"), done.stderr
    assert files(tmp_path) == old


def test_a_program_that_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    x = Value(2.0, "x")
    program = autograd.compile(lambda z: x * z, [x], shapes=[()], executor="plain")
    program.save(tmp_path / "a")
    before = files(tmp_path)
    x.data = 10**400
    with pytest.raises(OverflowError):
        program.save(tmp_path / "a")
    assert files(tmp_path) == before


@pytest.mark.parametrize("package", ["autograd", "viz"])
def test_an_interrupt_leaves_the_old_file_or_the_new_one(tmp_path, package):
    x = Value(2.0, "x")
    program = autograd.compile(lambda z: x * z, [x], shapes=[()], executor="plain")
    picture = viz.draw(x * x)
    path, write = tmp_path / "a", {"autograd": program.save, "viz": picture.save}[package]
    write(path)
    old, new = {"a": b"old"}, files(tmp_path)
    seen = []
    for place in strikes(lambda: write(path), lambda: path.write_bytes(b"old")):
        assert files(tmp_path) in (old, new), place
        seen.append(files(tmp_path))
    assert old in seen
