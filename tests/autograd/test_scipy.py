"""SciPy takes derivatives of functions as they are: the result of each solver, its steps, and the derivatives that it estimates itself."""

import mpmath
import numpy as np
import pytest
from scipy import optimize

import autograd
from autograd import derivative, gradient, jacobian_of

START = np.array([-1.2, 1.0, 0.5])


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "SLSQP", "trust-constr"])
def test_minimize_takes_the_gradient(method):
    found = optimize.minimize(optimize.rosen, START, jac=gradient(optimize.rosen), method=method)
    assert found.x == pytest.approx(np.ones(3), abs=1e-3)
    assert optimize.check_grad(optimize.rosen, gradient(optimize.rosen), START) < 1e-4
    assert gradient(optimize.rosen)(START) == pytest.approx(optimize.rosen_der(START), rel=1e-14)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-exact", "trust-krylov"])
def test_minimize_takes_the_hessian(method):
    slopes = gradient(optimize.rosen)
    found = optimize.minimize(optimize.rosen, START, jac=slopes, hess=jacobian_of(slopes), method=method)
    assert found.x == pytest.approx(np.ones(3), abs=1e-6)
    assert np.array(jacobian_of(slopes)(START)) == pytest.approx(optimize.rosen_hess(START), rel=1e-14)


def kepler(anomaly, eccentricity, mean):
    return anomaly - eccentricity * autograd.sin(anomaly) - mean


@pytest.mark.parametrize(("method", "orders"), [("newton", 1), ("halley", 2)])
@pytest.mark.parametrize("start", [1.0, np.float64(1.0)])
def test_root_scalar_takes_both_derivatives_and_passes_arguments_on(method, orders, start):
    slope = derivative(kepler)
    given = {"fprime": slope, "fprime2": derivative(slope)}
    found = optimize.root_scalar(kepler, args=(0.8, 1.0), x0=start, method=method, **dict([*given.items()][:orders]))
    expected = mpmath.findroot(lambda x: x - mpmath.mpf("0.8") * mpmath.sin(x) - 1, 1)
    assert found.converged
    assert found.root == pytest.approx(float(expected), rel=1e-14)


def chain(x, a):
    """Three equations in three unknowns (Broyden's tridiagonal function)."""
    before, after = [0.0, *x[:-1]], [*x[1:], 0.0]
    return [(3 - 2 * v) * v - b - 2 * c + a for v, b, c in zip(x, before, after, strict=True)]


def test_root_and_least_squares_take_the_jacobian():
    for found in (
        optimize.root(chain, [-1.0] * 3, args=(1.0,), jac=jacobian_of(chain)),
        optimize.least_squares(chain, [-1.0] * 3, args=(1.0,), jac=jacobian_of(chain)),
    ):
        assert found.success
        assert chain(found.x, 1.0) == pytest.approx(np.zeros(3), abs=1e-8)
    x = np.array([0.3, -0.2, 0.1])
    estimated = optimize.approx_fprime(x, lambda x: np.array(chain(x, 1.0)))
    assert np.array(jacobian_of(chain)(x, 1.0)) == pytest.approx(estimated, abs=1e-6)


def test_curve_fit_by_three_lines():
    times = np.linspace(0.0, 4.0, 9)
    noise = np.random.default_rng(0).normal(scale=0.01, size=9)

    def model(ts, *p):
        return [p[0] * autograd.exp(-p[1] * t) + p[2] for t in ts]

    def jac(ts, *p):
        return jacobian_of(lambda p: model(ts, *p))(p)

    data = np.array(model(times, 2.0, 0.7, 0.3)) + noise
    found, covariance = optimize.curve_fit(model, times, data, p0=[1.0, 1.0, 0.0], jac=jac)
    peer, peers_covariance = optimize.curve_fit(lambda t, a, b, c: a * np.exp(-b * t) + c, times, data, p0=[1.0, 1.0, 0.0])
    assert found == pytest.approx(peer, rel=1e-6)
    assert covariance == pytest.approx(peers_covariance, rel=1e-4)
