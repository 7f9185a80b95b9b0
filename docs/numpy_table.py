"""Tries the functions of NumPy on arrays of Values, and writes the table in ``with-numpy.md``: ``python docs/numpy_table.py``.

Each function is called on an array of floats and on an array of Values. It *works* if the numbers are the same and the gradient of
their sum is that of central differences.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autograd import Value, grad, total

PAGE = Path(__file__).parent / "with-numpy.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
STEP, DIGITS = 1e-6, 1e-6

# Numbers at which most functions are defined and smooth, and those of the others.
USUAL = (0.27, 0.73, 0.58, 0.33)
POINTS = {"arccosh": (1.27, 2.73, 1.58, 3.33)}

OF_MATRICES: dict[str, Callable[[Any], Any]] = {
    "matvec": lambda x: np.matvec(x.reshape(2, 2), x[:2]),
    "vecmat": lambda x: np.vecmat(x[:2], x.reshape(2, 2)),
}
OTHERS: dict[str, Callable[[Any], Any]] = {
    "np.sum(x), x.sum()": lambda x: x.sum(),
    "np.prod": np.prod,
    "np.cumsum": np.cumsum,
    "np.cumprod": np.cumprod,
    "np.diff": np.diff,
    "np.mean": np.mean,
    "np.average(x, weights=w)": lambda x: np.average(x, weights=[1.0, 2.0, 3.0, 4.0]),
    "np.std": np.std,
    "np.var": np.var,
    "np.var(x, ddof=1)": lambda x: np.var(x, ddof=1),
    "np.cov": lambda x: np.cov(x.reshape(2, 2)),
    "np.corrcoef": lambda x: np.corrcoef(x.reshape(2, 2)),
    "np.median": np.median,
    "np.percentile": lambda x: np.percentile(x, 40),
    "np.quantile": lambda x: np.quantile(x, 0.4),
    "np.ptp": np.ptp,
    "np.max(x), x.max()": np.max,
    "np.min(x), x.min()": np.min,
    "np.nansum": np.nansum,
    "np.nanmean": np.nanmean,
    "np.sort": np.sort,
    "np.argsort": np.argsort,
    "np.argmax": np.argmax,
    "np.unique": np.unique,
    "np.round": np.round,
    "np.round(x, 1)": lambda x: np.round(x, 1),
    "np.fix": np.fix,
    "np.clip": lambda x: np.clip(x, 0.3, 0.6),
    "np.where": lambda x: np.where(x > 0.4, x * x, x),
    "np.select": lambda x: np.select([x > 0.6, x > 0.3], [x * x, -x], 0.0),
    "np.sinc": np.sinc,
    "np.i0": np.i0,
    "np.nan_to_num": np.nan_to_num,
    "np.isclose": lambda x: np.isclose(x, x),
    "np.allclose": lambda x: np.allclose(x, x),
    "np.array_equal": lambda x: np.array_equal(x, x),
    "np.dot": lambda x: np.dot(x, x),
    "x @ y": lambda x: x.reshape(2, 2) @ x[:2],
    "np.vdot": lambda x: np.vdot(x, x),
    "np.inner": lambda x: np.inner(x, x),
    "np.outer": lambda x: np.outer(x, x),
    "np.kron": lambda x: np.kron(x, x),
    "np.tensordot": lambda x: np.tensordot(x.reshape(2, 2), x.reshape(2, 2)),
    "np.einsum": lambda x: np.einsum("ij,jk->ik", x.reshape(2, 2), x.reshape(2, 2)),
    "np.cross": lambda x: np.cross(x[:3], x[1:]),
    "np.trace": lambda x: np.trace(x.reshape(2, 2)),
    "np.linalg.norm": np.linalg.norm,
    "np.linalg.norm(x, 1)": lambda x: np.linalg.norm(x, 1),
    "np.linalg.norm(x, 3)": lambda x: np.linalg.norm(x, 3),
    "np.linalg.norm(x, np.inf)": lambda x: np.linalg.norm(x, np.inf),
    "np.linalg.matrix_power": lambda x: np.linalg.matrix_power(x.reshape(2, 2), 3),
    "np.linalg.det": lambda x: np.linalg.det(x.reshape(2, 2)),
    "np.linalg.inv": lambda x: np.linalg.inv(x.reshape(2, 2)),
    "np.linalg.solve": lambda x: np.linalg.solve(x.reshape(2, 2), x[:2]),
    "np.linalg.eigvalsh": lambda x: np.linalg.eigvalsh(x.reshape(2, 2)),
    "np.linalg.svd": lambda x: np.linalg.svd(x.reshape(2, 2))[1],
    "np.fft.fft": np.fft.fft,
    "np.convolve": lambda x: np.convolve(x, x),
    "np.correlate": lambda x: np.correlate(x, x),
    "np.polyval": lambda x: np.polyval(x, x[0]),
    "np.interp": lambda x: np.interp(x[0], [0.0, 1.0], x[1:3]),
    "np.gradient": np.gradient,
    **({"np.trapezoid": np.trapezoid} if hasattr(np, "trapezoid") else {}),  # older ones call it trapz
    "np.vander": np.vander,
    "np.histogram": lambda x: np.histogram(x)[0],
    "x[i], np.concatenate, reshape, x.T, ...": lambda x: np.concatenate(
        [x[::-1], x.reshape(2, 2).T.ravel(), np.tile(x[:1], 3)]
    ),
    "np.diag": np.diag,
    "np.tril": lambda x: np.tril(x.reshape(2, 2)),
    "np.apply_along_axis": lambda x: np.apply_along_axis(np.sum, 0, x.reshape(2, 2)),
    "np.vectorize(f)": lambda x: np.vectorize(lambda each: each * each, otypes=[x.dtype])(x),
}

OF_NUMBERS = "of the numbers alone: `np.array([v.data for v in x])`"
INSTEAD = {
    "copysign": "`np.abs(x) * autograd.sign(w)` of each entry",
    "divmod": "`x // y` and `x % y`",
    "float_power": "`x ** y`",
    "heaviside": "`autograd.heaviside(v)` of each entry",
    "ldexp": "`x * 2.0 ** n`",
    "logaddexp": "`autograd.logaddexp(v, w)` of each pair",
    "logaddexp2": "`np.log2(2 ** x + 2 ** y)`, which may overflow",
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor"), "comparisons, `(x > 0) & (y > 0)`"),
    "modf": "`x % 1` and `x // 1`",
    **dict.fromkeys(("isfinite", "isinf", "isnan", "signbit", "np.isclose", "np.allclose", "np.histogram"), OF_NUMBERS),
    **dict.fromkeys(("frexp", "nextafter", "spacing"), OF_NUMBERS),
    "np.cov": "`(x - x.mean()) @ (y - y.mean()) / (n - 1)`",
    "np.corrcoef": "`(x - x.mean()) @ (y - y.mean()) / (n * x.std() * y.std())`",
    "np.linalg.norm(x, 3)": "`(abs(x) ** 3).sum() ** (1 / 3)`",
    "np.gradient": "differences of slices, `(x[2:] - x[:-2]) / 2`",
    "np.interp": "`autograd.where` of each interval",
}


class Result(NamedTuple):
    """What a function does on an array of Values: it ``works``, returns ``numbers``, is ``refused`` or ``wrong``; and a remark."""

    name: str
    kind: str
    remark: str


def ufunc_calls() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Every ufunc of NumPy, applied to as many arrays as it takes."""
    for name, function in sorted(vars(np).items()):
        if isinstance(function, np.ufunc) and function.__name__ == name:
            yield name, OF_MATRICES.get(name) or (lambda x, function=function: function(*[x, x[::-1].copy()][: function.nin]))


def tried(name: str, function: Callable[[Any], Any]) -> Result | None:
    """What a function does on an array of Values; None if it takes no floats either, as a function of bits."""
    numbers = np.array(POINTS.get(name, USUAL))
    values = np.array([Value(float(each)) for each in numbers], dtype=object)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = flat(function(numbers))
        except TypeError:
            return None
        try:
            found = flat(function(values))
        except Exception as error:  # NumPy has many ways to refuse
            return Result(name, "refused", said(error))
        if not any(isinstance(each, Value) for each in found):
            return Result(name, "numbers", "")
        same = all(np.allclose(data(each), want, rtol=1e-12) for each, want in zip(found, expected, strict=True))
        slopes = grad(total(each for each in found if isinstance(each, Value)), list(values))
        right = np.allclose(slopes, differences(function, numbers), rtol=DIGITS, atol=DIGITS)
    if not same:
        return Result(name, "wrong", "the numbers differ from those of floats")
    return Result(name, "works", "") if right else Result(name, "wrong", "**the gradient is wrong**")


def differences(function: Callable[[Any], Any], numbers: Any) -> list[float]:
    """The derivatives of the sum of a function's results, by central differences."""

    def moved(index: int, by: float) -> float:
        return float(np.sum(flat(function(numbers + by * (np.arange(len(numbers)) == index)))))

    return [(moved(k, STEP) - moved(k, -STEP)) / (2 * STEP) for k in range(len(numbers))]


def flat(result: Any) -> list[Any]:
    """The entries of a result: of an array, of several, or of a number."""
    if isinstance(result, tuple | list):
        return [entry for part in result for entry in flat(part)]
    return list(result.ravel()) if isinstance(result, np.ndarray) else [result]


def data(entry: Any) -> Any:
    """The number of an entry."""
    return entry.data if isinstance(entry, Value) else entry


def said(error: Exception) -> str:
    """The first line of an error, without the list of types that may follow."""
    line = (
        str(error).splitlines()[0].partition(", and the inputs")[0].partition(" according to")[0].partition(" with casting")[0]
    )
    return f"{type(error).__name__}: {line.partition('; ')[0].partition('. ')[0]}"


def results() -> list[Result]:
    """What all functions do."""
    calls = [*ufunc_calls(), *OTHERS.items()]
    return [result for name, function in calls if (result := tried(name, function))]


def listed(names: Iterable[str]) -> str:
    """Names in a row: ufuncs without their module."""
    return ", ".join(f"`{name}`" for name in names)


def markdown(found: Iterable[Result]) -> str:
    """The table: what works, what returns plain numbers, what is refused, and what to write in its place."""
    found = list(found)
    ufuncs = dict(ufunc_calls())
    lines = [f"Tried with NumPy {version()}.", "", "| | ufuncs | other functions |", "|---|---|---|"]
    for kind, heading in (("works", "right numbers and gradients"), ("numbers", "plain numbers, without a gradient")):
        of_kind = [result.name for result in found if result.kind == kind]
        cells = [listed(name for name in of_kind if (name in ufuncs) is among) for among in (True, False)]
        lines.append(f"| {heading} | {' | '.join(cells)} |")
    lines += ["", "| refused or wrong | what happens | instead |", "|---|---|---|"]
    for name, kind, remark in found:
        if kind in ("refused", "wrong"):
            lines.append(f"| `{name}` | {remark} | {INSTEAD.get(name, '')} |")
    return "\n".join(lines)


def version() -> str:
    """The version of NumPy without its last number."""
    return ".".join(np.__version__.split(".")[:2])


def refreshed(page: str, found: Iterable[Result]) -> str:
    """The page with the current table between its markers."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{markdown(found)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8"), results()), encoding="utf-8")
