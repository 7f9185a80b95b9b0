"""What holds for every test and every example of the documentation."""

import gc
from importlib.util import find_spec

import pytest

from autograd import OPS

pytest_plugins = ["tests.sweeps"]

# Native code is optional: without llvmlite its examples are not looked at, and its tests skip themselves with the reason.
NATIVE = ["autograd/compiled/native/*", "docs/flat-and-fast.md", "tests/compiled/guarded.py"]
collect_ignore_glob = [] if find_spec("llvmlite") else NATIVE


def pytest_collection_finish():
    """What the collection imported lives to the end: the garbage collector need not walk it in every test that makes many nodes."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _leave_the_table_as_it_was():
    """A row that a test or an example makes is gone after it."""
    rows = dict(OPS)
    yield
    OPS.clear()
    OPS.update(rows)
