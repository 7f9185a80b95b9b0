"""Who may know whom, what importing costs, and where formulas may stand: the rules, read off the source."""

import ast
import functools
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["autograd", "nn", "viz", "chainrule"]
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).glob("**/*.py"))

# Who may know whom within autograd, one line a folder: what stands left of a "<" knows nothing of what stands right of it, and those
# that stand between two of them know nothing of each other. A folder is a room: a line speaks of all that is in it.
ROOMS = {
    "autograd": """
        errors interrupts scopes text generators < files < rules < ops < copying graph micrograd numpy_names < value < hooks traced < functions recording debugging < compositions derivatives
        < functional implicit < solving < checking compiled expressions < explaining
    """,
    "autograd.rules": "primitives numbers < complex_primitives cut exact_powers < grammar < op < evaluate formula_tree < notation < mathml",
    "autograd.checking": """
        graph_facts rounding report watching softmax_facts < stale_data complex_step < differences < moved < verdicts < suspects
        < gradients traps network_traps cut_parameters < diagnosis
    """,
    "autograd.expressions": "callable_rows errors < numerals < tokens < reader",
    "autograd.explaining": """
        folded statements answers < line_breaks shown_digits < derivation paths named_graph < cut_paths probabilities
        < chain_rule forward_mode costs why_backward < quiz
    """,
    "autograd.compiled": """
        executor tape optimism < plain steps arguments saving tracing print_tape < parameters domain_check arrays native
        < print_steps executors requirements reality_check < bound_program < program
    """,
    "autograd.compiled.arrays": "arithmetic long_sums ufuncs < buffers < executor",
    "autograd.compiled.native": "llvm < kernels < plan < machine < bound < executor",
    "autograd.compiled.native.llvm": "ir c_library < exp_tanh jit < formula",
    "autograd.compiled.native.kernels": "row_facts memory products < elementwise < tiled_matrices",
    "autograd.compiled.native.plan": "fusion stream < liveness shared < batch",
}

# What else a package may import: at the top of a module, or only inside a function or under TYPE_CHECKING.
AT_THE_TOP = {
    "autograd": set(),
    "autograd.compiled.arrays.executor": {
        "numpy"
    },  # compiled modules are themselves imported only when autograd.compile is used
    "autograd.compiled.arguments": {"numpy"},
    "autograd.compiled.bound_program": {"numpy"},
    "autograd.compiled.native": {"llvmlite", "numpy"},
    "autograd.compiled.parameters": {"numpy"},
    "autograd.compiled.plain": {"numpy"},
    "autograd.compiled.arrays.arithmetic": {"numpy"},
    "autograd.compiled.arrays.buffers": {"numpy"},
    "autograd.compiled.arrays.ufuncs": {"numpy"},
    "autograd.compiled.program": {"numpy"},
    "autograd.compiled.reality_check": {"numpy"},
    "nn": {"autograd"},
    "nn.matrix": {"numpy"},
    "viz": {"autograd"},
    "viz.dot.digraph": {
        "graphviz"
    },  # itself imported only when there is something to draw: see the test of what importing loads
    "chainrule": {"autograd", "nn", "viz", "click", "numpy", "rich"},
}
LAZILY = {
    "autograd.compiled.executor": {"numpy"},
    "nn.data": {"sklearn"},
    "nn.training": {"numpy"},
    "viz": {"graphviz", "pygraphviz", "IPython"},
    "chainrule": {"graphviz", "pygraphviz", "sklearn"},
}
HEAVY = ["numpy", "graphviz", "pygraphviz", "llvmlite", "matplotlib", "sklearn", "rich", "click"]


def imports(source):
    """The modules that a source imports, each with whether it does so when it is itself imported."""

    def walk(nodes, at_once):
        for node in nodes:
            if isinstance(node, ast.Import):
                yield from ((each.name, at_once) for each in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                submodules = [
                    f"{module}.{each.name}"
                    for each in node.names
                    if (ROOT / module.replace(".", "/") / f"{each.name}.py").exists()
                ]
                yield from ((name, at_once) for name in (submodules if len(submodules) == len(node.names) else [module]))
            elif isinstance(node, ast.If) and ast.unparse(node.test).removeprefix("_typing.") == "TYPE_CHECKING":
                yield from walk(node.body, False)
                yield from walk(node.orelse, at_once)
            else:
                inside = at_once and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(ast.iter_child_nodes(node), inside)

    return list(walk(ast.parse(source).body, True))


def offences(module, source):
    """The imports of a module, ``"nn.layers"`` say, that break a rule."""
    package = module.partition(".")[0]
    top = sys.stdlib_module_names | {package} | allowed(AT_THE_TOP, module)
    lazily = allowed(LAZILY, module)
    found = []
    for name, at_once in imports(source):
        root = name.partition(".")[0]
        if root not in top and (at_once or root not in lazily):
            found.append(f"{module} must not import {name}{'' if at_once else ', not even later'}")
        if package == root == "autograd" and at_once and not stands_below(name, module):
            found.append(f"{module} must not import {name}, which is not below it")
    return found


def allowed(table, module):
    """What a table allows a module, or a package that it is in."""
    return set().union(*(names for place, names in table.items() if f"{module}.".startswith(f"{place}.")))


def stands_below(lower, upper):
    """Whether a module may be imported by another: in the innermost room that holds both, its own place is below the other's."""
    below, above = lower.split("."), upper.split(".")
    if below == above[: len(below)]:
        return False  # a package itself sees all that is in it
    if above == below[: len(above)]:
        return True
    depth = next(k for k, (a, b) in enumerate(zip(below, above, strict=False)) if a != b)
    room = ".".join(above[:depth])
    return floor(room, below[depth]) < floor(room, above[depth])


def floor(room, name):
    """On which floor of a room a module or a room inside it stands, from the bottom."""
    [found] = [k for k, names in enumerate(ROOMS[room].split("<")) if name in names.split()] or [None]
    assert found is not None, f"say in ROOMS where {room}.{name} stands"
    return found


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_module_imports_only_what_is_below_it(path):
    assert offences(name_of(path), path.read_text()) == []


PLANTED = [
    ("autograd.value", "import numpy"),
    ("autograd.value", "from nn import MLP"),
    ("autograd.value", "def f():\n    import viz"),
    ("autograd.value", "if TYPE_CHECKING:\n    import nn"),
    ("autograd.value", "import chainrule"),
    ("autograd.ops", "from autograd.value import Value"),
    ("autograd.rules.op", "from autograd.functions import exp"),
    ("autograd.rules.grammar", "import autograd.rules.op"),
    ("autograd.rules.grammar", "from autograd.ops import ADD"),
    ("autograd.errors", "from autograd.rules.numbers import number"),
    ("autograd.checking.diagnosis", "from autograd.explaining.paths import paths"),
    ("autograd.checking.traps", "from autograd.compiled.tape import Tape"),
    ("autograd.explaining.paths", "from autograd.explaining.quiz import quiz"),
    ("autograd.expressions.reader", "import rich"),
    ("autograd.compiled.native.llvm.ir", "from autograd.compiled.native.plan.stream import Stream"),
    ("autograd.compiled.arrays.buffers", "from autograd.compiled.native.machine import Machine"),
    ("autograd.functions", "from autograd.derivatives import grad"),
    ("autograd.value", "from autograd import ops, Value"),
    ("autograd.compiled.tape", "from autograd.compiled import steps"),
    ("autograd.compiled.tape", "import numpy"),
    ("autograd.compiled.arrays.executor", "import llvmlite"),
    ("nn.layers", "from viz import draw"),
    ("nn.layers", "def f():\n    import viz"),
    ("nn.layers", "import numpy as np"),
    ("nn.data", "import sklearn.datasets"),
    ("nn.layers", "def f():\n    import sklearn"),
    ("viz.dot.draw", "import nn"),
    ("viz.dot.draw", "try:\n    import graphviz\nexcept ImportError:\n    pass"),
    ("viz.dot.draw", "class A:\n    import numpy"),
]


@pytest.mark.parametrize(("module", "source"), PLANTED, ids=lambda x: x)
def test_a_planted_import_is_caught(module, source):
    assert offences(module, source)


ALLOWED = [
    ("autograd.value", "import math\nfrom autograd.ops import ADD\nif TYPE_CHECKING:\n    from autograd.functions import exp"),
    ("autograd.ops", "from autograd.rules.op import Op"),
    ("nn.layers", "from autograd import Value\nfrom nn.module import Module\nimport random"),
    ("nn.matrix", "import numpy as np"),
    ("autograd.compiled.native.llvm.jit", "import llvmlite.binding as llvm"),
    ("nn.data", "def moons():\n    from sklearn.datasets import make_moons"),
    ("viz.render", "def svg():\n    import graphviz"),
]


@pytest.mark.parametrize(("module", "source"), ALLOWED, ids=lambda x: x)
def test_an_allowed_import_passes(module, source):
    assert offences(module, source) == []


@pytest.mark.parametrize("package", ["autograd", "nn", "viz"])
def test_importing_a_package_loads_nothing_heavy(package):
    code = f"import sys, {package}; assert {package}.__file__; print(*[n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("package", ["autograd", "nn", "viz"])
def test_all_is_the_public_names(package):
    module = importlib.import_module(package)
    public = {
        name
        for name, held in vars(module).items()
        if not name.startswith("_") and not (isinstance(held, type(ast)) and name not in module.__all__)
    }
    on_demand = set(getattr(module, "_ON_DEMAND", ()))
    assert public | on_demand == set(module.__all__)
    assert all(getattr(module, name).__name__ == name for name in on_demand)
    assert len(module.__all__) == len(set(module.__all__))


# --- what users read ---------------------------------------------------------------------------------------------------


def undocumented(name, held):
    """The public names, those of a class's attributes included, that have no docstring."""
    if isinstance(held, type) and not issubclass(held, tuple):
        own = [base for base in held.__mro__ if base.__module__.partition(".")[0] in PACKAGES]
        attributes = {attribute: value for base in own for attribute, value in vars(base).items() if attribute[0] != "_"}
        for attribute, value in attributes.items():
            if callable(value) or isinstance(value, property | functools.cached_property | classmethod | staticmethod):
                yield from [] if inspect.getdoc(getattr(held, attribute)) else [f"{name}.{attribute}"]
    if callable(held) and not inspect.getdoc(held):
        yield name


@pytest.mark.parametrize("package", ["autograd", "nn", "viz"])
def test_what_users_read_is_documented(package):
    module = importlib.import_module(package)
    found = [each for name in module.__all__ for each in undocumented(name, getattr(module, name))]
    as_functions = {f"Value.{name}" for name in importlib.import_module("autograd").__all__}  # Value.exp is autograd.exp
    as_functions |= {f"Value.{name}" for name in dir(np)}  # Value.arctan is np.arctan
    assert [each for each in found if each not in as_functions and not each.startswith(("Condition.", "Constant."))] == []


RETURNED = """
    autograd.checking.diagnosis.Report autograd.checking.gradients.GradientReport autograd.checking.graph_facts.Finding
    autograd.compiled.bound_program.BoundProgram autograd.compiled.program.Program autograd.compiled.tape.Tape
    autograd.debugging.Line autograd.explaining.costs.Comparison autograd.explaining.derivation.Derivation
    autograd.explaining.quiz.Exercise autograd.explaining.quiz.Feedback autograd.explaining.quiz.Quiz viz.dot.digraph.Digraph
    autograd.expressions.reader.Expression autograd.expressions.reader.Graph
"""


@pytest.mark.parametrize("path", RETURNED.split())
def test_what_functions_return_is_documented(path):
    module, _, name = path.rpartition(".")
    assert list(undocumented(name, getattr(importlib.import_module(module), name))) == []


def test_a_missing_docstring_is_caught():
    class Undocumented:
        def method(self):
            pass

    Undocumented.__module__ = "autograd.planted"
    assert list(undocumented("Undocumented", Undocumented)) == ["Undocumented.method", "Undocumented"]


# --- one table -------------------------------------------------------------------------------------------------------

FORMULAS = set(
    "exp exp2 expm1 log log1p log2 log10 sqrt cbrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc pow".split()  # noqa: SIM905
)


def formulas(source):
    """The functions of ``math`` that a source calls by name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in ("math", "cmath"):
            found += [each.name for each in node.names if each.name in FORMULAS]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FORMULAS:
            found += [node.func.attr] if ast.unparse(node.func.value) in ("math", "cmath") else []
    return found


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path).startswith("autograd")], ids=name_of)
def test_no_formula_stands_outside_the_table(path):
    if name_of(path) not in (
        "autograd.ops",
        "autograd.rules.primitives",
        "autograd.rules.complex_primitives",
        "autograd.compiled.native.llvm.exp_tanh",
    ):  # primitives themselves
        assert formulas(path.read_text()) == []


def test_a_formula_outside_the_table_is_caught():
    assert formulas("import math\ndef tanh(x): return math.tanh(x)") == ["tanh"]
    assert formulas("from math import exp, inf") == ["exp"]
    assert formulas("import math\nx = math.isfinite(2.0) and autograd.exp(1.0)") == []


def test_the_files_are_found():
    assert {"autograd", "autograd.value", "autograd.ops", "nn", "nn.layers"} <= set(map(name_of, FILES))
