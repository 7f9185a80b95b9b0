"""What holds for every test and every example of the documentation."""

import gc
from importlib.util import find_spec

import pytest

from autograd import OPS

pytest_plugins = ["tests.sweeps"]

# Native code is optional: without llvmlite its examples are not collected, and its tests skip themselves and say why.
NATIVE = ["autograd/compiled/native/*", "docs/flat-and-fast.md", "tests/compiled/guarded.py"]
collect_ignore_glob = [] if find_spec("llvmlite") else NATIVE


def pytest_collection_finish():
    """Hide what the collection imported from the garbage collector, which would walk it in every test with many nodes."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _leave_the_table_as_it_was():
    """Remove the rows that a test or an example added."""
    rows = dict(OPS)
    yield
    OPS.clear()
    OPS.update(rows)
