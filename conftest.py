"""What holds for every test and every example of the documentation."""

import gc

import pytest

from autograd import OPS


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
