"""The page that says what of NumPy works on arrays of Values: it is what its generator finds, and the generator can find faults."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from autograd import Value, grad, ops

DOCS = Path(__file__).parents[1] / "docs"
spec = importlib.util.spec_from_file_location("numpy_table", DOCS / "numpy_table.py")
numpy_table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(numpy_table)
PAGE = (DOCS / "with-numpy.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results():
    return numpy_table.results()


@pytest.mark.skipif(f"Tried with NumPy {numpy_table.version()}." not in PAGE, reason="the page was made with another NumPy")
def test_the_page_is_current(results):
    assert numpy_table.refreshed(PAGE, results) == PAGE, "stale: run python docs/numpy_table.py"


def test_what_the_page_calls_right_is_right_with_any_numpy(results):
    kinds = {result.name: result.kind for result in results}
    [line] = re.findall(r"^\| right numbers and gradients \|(.*)$", PAGE, re.MULTILINE)
    listed = re.findall(r"`(.*?)`", line)
    assert len(listed) > 100
    faults = {name: kinds[name] for name in listed if name in kinds and kinds[name] != "works"}
    if np.lib.NumpyVersion(np.__version__) < "1.25.0" and faults.get("np.einsum") == "refused":
        del faults["np.einsum"]  # it takes objects since 1.25
    assert faults == {}


def test_statistics_have_the_gradients_of_their_formulas():
    numbers = [1.0, 2.0, 4.0]
    x = np.array([Value(each) for each in numbers])
    mean, var = sum(numbers) / 3, sum((each - sum(numbers) / 3) ** 2 for each in numbers) / 3
    assert (np.mean(x).data, np.var(x).data, np.std(x).data) == pytest.approx((mean, var, var**0.5))
    assert grad(np.mean(x), x) == pytest.approx([1 / 3] * 3)
    assert grad(np.var(x), x) == pytest.approx([2 * (each - mean) / 3 for each in numbers])
    assert grad(np.std(x), x) == pytest.approx([(each - mean) / (3 * var**0.5) for each in numbers])
    assert [each.data for each in np.round(x / 3, 1)] == pytest.approx([0.3, 0.7, 1.3])


def test_a_wrong_number_and_a_wrong_gradient_are_found(monkeypatch):
    assert numpy_table.tried("arctan", np.arctan).kind == "works"
    kernel = ops.ATAN.kernel
    monkeypatch.setitem(vars(ops.ATAN), "kernel", lambda x: (kernel(x)[0], 1.001 * kernel(x)[1]))
    assert "gradient is wrong" in numpy_table.tried("arctan", np.arctan).remark
    monkeypatch.setattr(Value, "arctan", Value.tanh)
    assert "numbers differ" in numpy_table.tried("arctan", np.arctan).remark
    monkeypatch.delattr(Value, "hypot")
    assert "hypot" in numpy_table.tried("hypot", lambda x: np.hypot(x, x)).remark
    stale = PAGE.replace("`arctan`, ", "")
    assert stale != PAGE
    assert numpy_table.refreshed(stale, numpy_table.results()) != PAGE
