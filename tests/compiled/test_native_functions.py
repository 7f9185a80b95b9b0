"""Functions of vectors in native code, beside mpmath and at the edges."""

import ctypes
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import mpmath

import autograd
from autograd.compiled.native import Native, machine
from autograd.compiled.native.llvm import exp_tanh, formula, jit
from autograd.compiled.native.llvm.ir import Code
from autograd.compiled.plain import Plain
from tests.compiled.networks import examples, network
from tests.compiled.oracle import error
from tests.sweeps import sweep

ROOT = Path(__file__).parents[2]
LANES = [8, 4, 2, 1]
NUMBERS = sweep("numbers through native exp and tanh, in ulp", sample=2400, full=48_000)


class Applied:
    """A kernel of the tests: a primitive on one vector."""

    def __init__(self, name, lanes):
        self.function, self.lanes, self.name = name, lanes, f"applied.{name}.x{lanes}"

    def write(self):
        code = Code(self.name, "ptr %x, ptr %y", self.lanes)
        code.store(formula.Formula(code).of(f"{self.function}(x)", {"x": code.load("%x")}), "%y")
        code.emit("ret void")
        return code


def applied(name, lanes, numbers):
    kernel = Applied(name, lanes)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(jit.library().addresses([kernel])[kernel.name])
    results = np.empty_like(numbers)
    for start in range(0, len(numbers), lanes):
        call(numbers[start:].ctypes.data, results[start:].ctypes.data)
    return results


@pytest.mark.parametrize("lanes", [8, 4, 2])
@pytest.mark.parametrize("name", [*exp_tanh.FUNCTIONS])
def test_functions_written_out_are_good_to_4_units_in_the_last_place(name, lanes):
    rng, scales = np.random.default_rng(NUMBERS.seed), (1e-8, 1e-3, 0.3, 1.0, 5.0, 150.0)
    numbers = np.outer(scales, rng.normal(size=NUMBERS.take() // len(scales))).ravel()
    numbers = numbers[np.abs(numbers) < 700]
    numbers = numbers[: len(numbers) // 8 * 8]
    with mpmath.workdps(40):
        for x, y in zip(numbers.tolist(), applied(name, lanes, numbers).tolist(), strict=True):
            truth = getattr(mpmath, name)(mpmath.mpf(x))
            assert NUMBERS.error(float(abs(y - truth) / math.ulp(float(truth)))) <= 4


@pytest.mark.parametrize("lanes", [8, 4, 2])
def test_functions_written_out_at_the_edges(lanes):
    numbers = np.array(
        [math.nan, math.inf, -math.inf, 0.0, -0.0, 709.7, 710.5, -745.1, -746.5, 5e-324, 1e308, -1e308, 0, 0, 0, 0]
    )
    exps, tanhs = (applied(name, lanes, numbers) for name in ("exp", "tanh"))
    expected = [math.nan, math.inf, 0.0, 1.0, 1.0, math.exp(709.7), math.inf, 5e-324, 0.0, 1.0, math.inf, 0.0, 1, 1, 1, 1]
    np.testing.assert_allclose(exps, expected, rtol=1e-15)
    np.testing.assert_array_equal(tanhs[:12], [math.nan, 1, -1, 0, -0.0, 1, 1, -1, -1, 5e-324, 1, -1])
    assert np.signbit(tanhs[4])
    assert not np.signbit(tanhs[3])


def test_without_vector_functions_lanes_go_one_by_one(monkeypatch):
    monkeypatch.setattr(formula, "vector_function", lambda name, lanes, operands: None)
    fresh = jit.Library()
    monkeypatch.setattr(machine, "library", lambda: fresh)
    tape, theta = network("sigmoid")
    tape = autograd.compile(lambda x: autograd.log(1 + autograd.sin(x) ** 2) ** 1.5, shapes=[()]).tape
    X = examples(19, 1)
    assert error(Native(tape).bind(X).outputs(theta[:0]), Plain(tape).bind(X).outputs(theta[:0])) < 1e-14
