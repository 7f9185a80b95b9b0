"""Rows, masks, choices, nested derivatives and solutions beside JAX and PyTorch, where they are installed.

Others wrote them, so they share no formula with this engine. Where they give other derivatives, ``CONVENTIONS`` says why. The values
that ``nox -s oracles`` compares are those of float64 on a processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice, product
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st

import autograd
from autograd import OPS, Value, apply, derivative, grad, jacobian, logsumexp, relu, softmax, solve, sqrt, where
from autograd.value import as_value
from nn import cross_entropy_logits, one_hot
from tests.oracle import ordinary
from tests.strategies import ANALYTIC, DERIVATIVES, Program, between, for_all, programs

INF = math.inf
NAMED_ALIKE = ["exp", "log", "sin", "cos", "tanh", "sqrt", "expm1", "log1p", "log2", "log10", "tan", "sinh", "cosh", "abs"]


def jax() -> dict[str, Any]:
    """The functions of JAX by the names of ours, in float64."""
    engine, xp, nn = import_module("jax"), import_module("jax.numpy"), import_module("jax.nn")
    engine.config.update("jax_enable_x64", True)
    return {
        "number": lambda x: xp.asarray(x, dtype=float),
        "grad": engine.grad,
        **{
            name: getattr(xp, name)
            for name in ["cbrt", "exp2", "hypot", "logaddexp", "sinc", "maximum", "minimum", "where", "stack", "floor", "sign"]
        },
        **{name: getattr(xp, name) for name in NAMED_ALIKE},
        **{name: getattr(xp, "arc" + name[1:]) for name in ["asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh"]},
        "power": xp.power,
        "mod": xp.mod,
        "div": xp.divide,
        "rint": xp.round,
        "detach": engine.lax.stop_gradient,
        **{
            name: getattr(nn, name)
            for name in ["relu", "leaky_relu", "elu", "silu", "sigmoid", "softplus", "softmax", "logsumexp"]
        },
        **{name: getattr(engine.scipy.special, name) for name in ("erf", "erfc")},
        "gelu": partial(nn.gelu, approximate=False),
        "gelu_tanh": partial(nn.gelu, approximate=True),
        "cross_entropy": lambda z, label: -nn.log_softmax(z)[label],
    }


def torch() -> dict[str, Any]:
    """The functions of PyTorch by the names of ours, in float64."""
    engine, nn, special = import_module("torch"), import_module("torch.nn.functional"), import_module("torch.special")
    return {
        "number": lambda x: engine.as_tensor(x, dtype=engine.float64),
        "grad": engine.func.grad,
        **{
            name: getattr(engine, name)
            for name in ["hypot", "logaddexp", "sinc", "maximum", "minimum", "where", "stack", "floor", "sign", "sigmoid"]
        },
        **{name: getattr(engine, name) for name in NAMED_ALIKE},
        **{name: getattr(engine, name) for name in ["asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh"]},
        "power": engine.pow,
        "mod": engine.remainder,
        "div": engine.div,
        "rint": engine.round,
        "detach": engine.Tensor.detach,
        **{name: getattr(nn, name) for name in ["relu", "leaky_relu", "elu", "silu", "softplus"]},
        **{name: getattr(special, name) for name in ("erf", "erfc", "exp2")},
        "gelu": nn.gelu,
        "gelu_tanh": partial(nn.gelu, approximate="tanh"),
        "softmax": partial(engine.softmax, dim=0),
        "logsumexp": partial(engine.logsumexp, dim=0),
        "cross_entropy": lambda z, label: nn.cross_entropy(z, engine.tensor(label)),
    }


each_engine = pytest.mark.parametrize(
    "engine",
    [
        pytest.param(each, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"needs {name}: nox -s oracles has it"))
        for name, each in (("jax", jax), ("torch", torch))
    ],
    ids=["jax", "torch"],
)


# --- the rows, at random points and at edges ------------------------------------------------------------------------------

MEMBERS = {"elu": 1.0, "leaky_relu": 0.01}  # their constants where nothing else is said
NAMES = [
    "abs",
    "maximum",
    "minimum",
    "relu",
    "leaky_relu",
    "elu",
    "sqrt",
    "cbrt",
    "hypot",
    "atan2",
    "asin",
    "acos",
    "acosh",
    "atanh",
    "asinh",
    "atan",
    "sinc",
    "logaddexp",
    "mod",
    "floor",
    "rint",
    "sign",
    "power",
    "div",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "sigmoid",
    "softplus",
    "silu",
    "gelu",
    "gelu_tanh",
    "erf",
    "erfc",
]
LINE = (0.0, 1.0, -1.0, 0.5, 2.0, 40.0, -40.0, 800.0, -800.0, 1e-200, 1e200, -1e200, INF, -INF)
PLANE = (
    *[
        (0.0, 0.0),
        (1.0, 1.0),
        (0.0, 2.0),
        (2.0, 0.0),
        (0.0, 1.0),
        (0.0, 0.5),
        (0.0, -3.0),
        (-2.0, 2.0),
        (-2.0, 3.0),
        (-1.0, 0.0),
    ],
    *[(1e200, 1e200), (1e-200, 1e-200), (INF, 1.0), (1.0, -INF), (INF, INF), (-INF, -INF)],
)


class Convention(NamedTuple):
    """Where another engine has other derivatives, and why."""

    engines: str
    rows: str
    holds: Callable[..., bool]  # of the operands
    why: str


CONVENTIONS = [
    Convention(
        "jax", "abs leaky_relu", lambda x: x == 0, "the derivative from the right; ours is the mean, or that from the left"
    ),
    Convention("jax torch", "elu", lambda x: x == 0, "of second order: ours is the mean of both sides"),
    Convention(
        "jax torch", "hypot", lambda x, y: x == y == 0, "has no derivative: ours is 0 by convention, and nan of second order"
    ),
    Convention("jax torch", "atan2", lambda x, y: x == y == 0, "has no derivative, and ours says nan"),
    Convention(
        "jax torch", "power", lambda x, y: x * y == 0, "of second order: ours are the limits, where theirs leave a term out"
    ),
    Convention("torch", "sinc", lambda x: abs(x) < 1e-100, "of second order: ours is the limit -π²/3"),
    Convention("jax", "sinc", lambda x: 0 < abs(x) < 1e-100, "a difference that cancels, divided by x²"),
    Convention(
        "jax", "hypot", lambda x, y: abs(x) == abs(y), "made of the larger and the smaller operand, which are both both"
    ),
    Convention("jax torch", "atan2", lambda x, y: abs(x) < 1e-100 and abs(y) < 1e-100, "x² + y² underflows"),
    Convention("jax", "div", lambda x, y: abs(y) < 1e-100, "y² underflows"),
    Convention("jax", "logaddexp", lambda x, y: x > 1e100, "the sum of two exponentials loses the smaller, and log 2"),
    Convention("torch", "gelu gelu_tanh", lambda x: abs(x) > 1e100, "an infinity times an underflowed 0"),
    Convention("jax", "gelu_tanh", lambda x: abs(x) > 1e100, "an infinity times an underflowed 0"),
    Convention("jax torch", "acosh atanh", lambda x: math.isinf(x) and x != INF, "outside the domain, where ours says nan"),
    Convention("jax torch", "atanh", lambda x: x == INF, "outside the domain, where ours says nan"),
    Convention("jax", "mod", lambda x, y: math.isinf(x), "an infinity has no remainder, and ours says nan"),
]


def ours(name: str, order: Sequence[int], point: Sequence[float]) -> float:
    """The derivative of a row: by its operands in ``order``, one after the other."""
    op = OPS[name].at(MEMBERS[name]) if name in MEMBERS else OPS[name]
    xs = [Value(x) for x in point]
    y = apply(op, *xs)
    for place in order[:-1]:
        [y] = grad(y, [xs[place]], create_graph=True)
    return float(grad(y, [xs[order[-1]]])[0] if order else y.data)


def theirs(engine: dict[str, Any], name: str, order: Sequence[int], point: Sequence[float]) -> float:
    f = engine[name]
    for place in order:
        f = engine["grad"](f, place)
    return float(f(*map(engine["number"], point)))


def orders(arity: int) -> list[tuple[int, ...]]:
    return [(), *product(range(arity), repeat=1), *product(range(arity), repeat=2)]


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def is_told(engine: str, name: str, point: Sequence[float], other: float) -> bool:
    """Whether a difference is one of the conventions, or theirs is nan at infinity, where ours is the limit."""
    if math.isnan(other) and any(map(math.isinf, point)):
        return True
    return any(engine in each.engines and name in each.rows.split() and each.holds(*point) for each in CONVENTIONS)


@each_engine
@pytest.mark.parametrize("name", NAMES)
def test_rows_have_the_same_derivatives_to_the_second_order(name, engine):
    functions, op = engine(), OPS[name].at(MEMBERS[name]) if name in MEMBERS else OPS[name]
    if name not in functions:
        pytest.skip(f"{engine.__name__} has no {name}")
    edges = [point if isinstance(point, tuple) else (point,) for point in (LINE if op.arity == 1 else PLANE)]
    for point in [*islice(ordinary(op), 6), *(edge for edge in edges if op.defined(*edge))]:
        for order in orders(op.arity):
            found, other = ours(name, order, point), theirs(functions, name, order, point)
            assert same(found, other) or is_told(engine.__name__, name, point, other), (point, order, found, other)


# --- masks ----------------------------------------------------------------------------------------------------------------

LOGITS = st.lists(between(-3, 3, float) | st.just(-INF) | st.sampled_from([700.0, -700.0]), min_size=1, max_size=5).filter(
    lambda logits: max(logits) > -INF
)


@each_engine
@for_all(LOGITS, examples=20)
def test_masked_softmax_logsumexp_and_cross_entropy(engine, logits):
    """Value and gradient, with respect to what is masked too."""
    compare_logits(engine(), logits)


def compare_logits(them: dict[str, Any], logits: list[float]) -> None:
    zs = [Value(z) for z in logits]
    label = logits.index(max(logits))
    pairs = {
        "logsumexp": (logsumexp(zs), them["logsumexp"]),
        "softmax": (softmax(zs)[label], lambda z: them["softmax"](z)[label]),
        "cross entropy": (cross_entropy_logits(zs, label), lambda z: them["cross_entropy"](z, label)),
        "one-hot": (cross_entropy_logits(zs, one_hot(label, len(zs))), lambda z: them["cross_entropy"](z, label)),
    }
    for name, (mine, f) in pairs.items():
        assert mine.data == pytest.approx(float(f(them["number"](logits))), rel=1e-12, abs=1e-15), name
        slopes = them["grad"](f)(them["number"](logits))
        assert grad(mine, zs) == pytest.approx(slopes.tolist(), rel=1e-12, abs=1e-15), name


# --- choices --------------------------------------------------------------------------------------------------------------


@each_engine
@pytest.mark.parametrize("x", [-1.0, 0.0, 4.0])
def test_one_choice_does_what_takes_two_there(engine, x):
    """Of sqrt(x) where x > 0, else 0: others need a second choice inside, without which an infinity or nan comes through."""
    them = engine()

    def chosen(x: Any) -> Any:
        zero = 0 * x
        return them["where"](x > 0, them["sqrt"](them["where"](x > 0, x, zero + 1)), zero)

    def once(x: Any) -> Any:
        return them["where"](x > 0, them["sqrt"](x), 0 * x)

    v = Value(x)
    [slope] = grad(where(v > 0, lambda: sqrt(v), 0 * v), [v])
    assert slope == float(them["grad"](chosen)(them["number"](x)))
    assert (slope == float(them["grad"](once)(them["number"](x)))) == (x > 0)


# --- random programs: nested derivatives in the worlds of others ----------------------------------------------------------


def world(engine: dict[str, Any]) -> dict[str, Any]:
    """What the names in the text of a program stand for there."""

    def D(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: engine["grad"](lambda y: engine["number"](0.0) + f(y))(engine["number"](0.0) + x)

    def of_numbers(name: str) -> Callable[..., Any]:
        return lambda *xs: engine[name](*[engine["number"](0.0) + x for x in xs])

    names = ["exp", "log", "sin", "cos", "tanh", "atan", "sigmoid", "softplus"]
    return {name: of_numbers(name) for name in names} | dict.fromkeys(DERIVATIVES, D)


@each_engine
@for_all(programs(forms=[*ANALYTIC], most=3), examples=25)
def test_random_programs_have_the_same_derivatives(engine, program):
    compare_program(engine(), program)


def compare_program(them: dict[str, Any], program: Program) -> None:
    f = program.function(world(them))
    leaves = [Value(x) for x in program.at]
    output = as_value(program.function()(*leaves))
    at = [them["number"](x) for x in program.at]
    for place, slope in enumerate(grad(output, leaves)):
        other = float(them["grad"](lambda *xs: them["number"](0.0) + f(*xs), place)(*at))
        assert slope == pytest.approx(other, rel=1e-8, abs=1e-8)
        second = them["grad"](them["grad"](lambda *xs: them["number"](0.0) + f(*xs), place), place)(*at)
        [first] = grad(output, [leaves[place]], create_graph=True)
        assert grad(first, [leaves[place]])[0] == pytest.approx(float(second), rel=1e-7, abs=1e-7)


# --- solutions ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("jax") is None, reason="needs jax: nox -s oracles has it")
@pytest.mark.parametrize("a", [0.5, 2.0, 30.0])
def test_solutions_have_the_derivatives_of_custom_root(a):
    them, lax = jax(), import_module("jax.lax")

    def residual(x: Any, a: Any) -> Any:
        return x**3 + x - a

    def newton(f: Callable[..., Any], x: Any) -> Any:
        for _ in range(60):
            x = x - f(x) / (3 * x**2 + 1)
        return x

    def root(a: Any) -> Any:
        return lax.custom_root(lambda x: residual(x, a), them["number"](1.0), newton, lambda g, y: y / g(them["number"](1.0)))

    mine: Any = lambda a: solve(residual, 1.0, a)  # noqa: E731
    for _ in range(3):
        assert float(mine(a)) == pytest.approx(float(root(them["number"](a))), rel=1e-12)
        mine, root = derivative(mine), them["grad"](root)


# --- these tests can fail -------------------------------------------------------------------------------------------------


@each_engine
def test_a_wrong_formula_would_be_found(engine, monkeypatch):
    monkeypatch.setitem(vars(OPS["tanh"]), "kernel", lambda x: (math.tanh(x), (1 - math.tanh(x) ** 2) * (1 + 1e-7)))
    with pytest.raises(AssertionError):
        test_rows_have_the_same_derivatives_to_the_second_order("tanh", engine)


@each_engine
def test_a_mask_that_takes_a_part_would_be_found(engine, monkeypatch):
    right = logsumexp
    monkeypatch.setitem(globals(), "logsumexp", lambda zs: right(zs) + 1e-9 * relu(zs[0]))
    compare_logits(engine(), [-1.0, -INF])
    with pytest.raises(AssertionError):
        compare_logits(engine(), [1.0, -INF])


@each_engine
def test_confused_perturbations_would_be_found(engine, monkeypatch):
    program = Program("derivative(lambda y: x0 * x0 * y)(x0)", (1.5,))
    compare_program(engine(), program)
    monkeypatch.setattr(autograd.functional, "jacobian", lambda ys, xs, recorded: jacobian(ys, [xs[0].inputs[0]], recorded))
    with pytest.raises(AssertionError):
        compare_program(engine(), program)
