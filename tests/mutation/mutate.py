"""Mutation testing: does some test fail if this line is wrong? Change it and see, for every line, by machine.

    python tests/mutation/mutate.py [FILES...] [--sample N] [--seed S]

Each mutant is the source with one small change: a sign in a row of the table, a comparison, a forgotten statement. Each is tried
in a copy of the checkout. A mutant that no test notices survives: then a test is missing, or the code does nothing. README.md
tells the results, and explains the survivors.
"""

import ast
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import copy
from functools import cache, partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import click

ROOT = Path(__file__).resolve().parents[2]

# Each file with the tests that tell most of it, of its own package's or in the folder named; all others run only if these notice nothing.
TELLING = {
    "autograd/ops.py": ["test_ops"],
    "autograd/value.py": ["test_functions", "test_own_operation", "test_value"],
    "autograd/graph.py": ["test_graph"],
    "autograd/derivatives.py": ["test_jacobian", "test_derivatives"],
    "autograd/recording.py": ["test_derivatives", "test_jacobian"],
    "autograd/rules/evaluate.py": ["test_evaluate", "test_value", "test_ops"],
    "autograd/rules/numbers.py": ["test_number", "test_value"],
    "autograd/rules/op.py": ["test_language", "test_own_operation"],
    "autograd/rules/grammar.py": ["test_language"],
    "autograd/rules/primitives.py": ["test_ieee", "test_ops"],
    "autograd/micrograd.py": ["test_value"],
    "autograd/compositions.py": ["test_functions"],
    "autograd/scopes.py": ["test_value"],
    "autograd/checking/gradients.py": ["test_checking"],
    "autograd/checking/complex_step.py": ["test_checking"],
    "autograd/functional.py": ["test_checking", "test_derivatives"],
    "nn/matrix.py": ["test_matrix"],
    "nn/textbooks/conventions.py": ["derivations/test_notations"],
}
# What tests a package, besides its own tests: the packages built upon it, and the equations of the lecture notes.
ALSO = {"autograd": ["autograd", "tests/nn", "tests/derivations"], "nn": ["tests/derivations"]}
# This one reads the source of nn/matrix.py and misses what a mutant changed there, whatever the change does: no kill counts.
READS_THE_SOURCE = "tests/nn/test_matrix.py::test_planted_bug_is_seen_by_the_oracle_and_by_the_scalars"
SLOW = (
    "test_language.py::test_any_text_gives_a_row_or_a_value_error",
    "test_value.py::test_a_million_nodes_go_forward_backward_and_are_freed",
    "test_value.py::test_fractions_are_exact_from_end_to_end",
    "test_value.py::test_dropping_the_output_frees_the_graph_at_once",
    "test_jacobian.py::test_a_long_chain_goes_forward_and_back",
    "test_derivatives.py::test_second_derivatives_against_sympy",
    "test_graph.py::test_a_deep_chain_of_every_shape",
    "test_graph.py::test_every_node_once_after_its_inputs_and_the_root_last",
)  # of tests/autograd: not repeated for files of which they do not tell most
CHAPTERS = "tests/derivations/test_chapters.py"  # whole notebooks, in processes of their own: too slow to be repeated
SECONDS = 20  # of processor time for one test; the slowest needs 5, so whoever takes longer loops
ALIVE, KILLED, AT_IMPORT, ELSEWHERE = 0, 1, 2, 3


class Mutant(NamedTuple):
    """One change of one file."""

    file: str
    line: int
    before: str
    after: str
    source: str
    row: str  # the operation, in a table


# --- the changes ----------------------------------------------------------------------------------------------------

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
    ast.MatMult: ast.Mult, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
BOUNDS = (ast.Lt, ast.LtE, ast.GtE, ast.Gt)
PAIRS = (
    "exp expm1", "log log1p", "sin cos", "asin acos", "sinh cosh", "tan tanh", "atan tanh", "erf erfc", "step heaviside",
    "sign step", "power_dx power_dy", "minimum maximum", "min max", "any all", "add sub", "mul div", "sigmoid tanh", "silu gelu",
    "relu softplus", "_x _y", "_dx _dy", "x y", "left right",
)  # fmt: skip
SIBLING = {a: b for pair in PAIRS for a, b in [pair.split(), pair.split()[::-1]]}
UNORDERED = ("maximum", "minimum", "max", "min", "isinstance", "hasattr")  # no use in swapping their arguments
SIBLING |= {a.upper(): b.upper() for a, b in SIBLING.items()}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of an expression, in Python and in the formulas of the table."""

    def but(**fields: object) -> ast.AST:
        changed = copy(node)
        for name, value in fields.items():
            setattr(changed, name, value)
        return changed

    match node:
        case ast.BinOp(op=op) if type(op) in SWAPPED:
            yield but(op=SWAPPED[type(op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.BoolOp(op=op, values=values):
            yield but(op=SWAPPED[type(op)]())
            for k in range(len(values)):
                yield but(values=values[:k] + values[k + 1 :]) if len(values) > 2 else values[1 - k]
        case ast.Compare(ops=ops):
            for k, op in enumerate(ops):
                others = (
                    [each for each in BOUNDS if not isinstance(op, each)] if isinstance(op, BOUNDS) else [SWAPPED[type(op)]]
                )
                yield from (but(ops=[*ops[:k], other(), *ops[k + 1 :]]) for other in others)
        case ast.IfExp(body=body, orelse=orelse):
            yield but(body=orelse, orelse=body)
        case ast.Constant(value=bool(value)):
            yield but(value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield but(value=value + 1)
        case ast.Name(id=name) if name in SIBLING and len(name) > 1:
            yield but(id=SIBLING[name])
        case ast.Attribute(attr=name) if name in SIBLING:
            yield but(attr=SIBLING[name])
        case ast.Call(args=[first, second, *rest]) if ast.unparse(node.func).removeprefix("np.") not in UNORDERED:
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                yield but(args=[second, first, *rest])


def changes_of_a_statement(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What may stand in the place of a statement or of its condition."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.AugAssign(target=target, op=op, value=value):
            yield node, f"{ast.unparse(target)} = {ast.unparse(value)}"
            if type(op) in SWAPPED:
                yield node, ast.unparse(ast.AugAssign(target, SWAPPED[type(op)](), value))
            yield node, "pass"
        case ast.Expr() | ast.Raise() | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, "pass"
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=[first, second, *rest]) as values):
            yield values, ast.unparse(ast.Tuple([second, first, *rest], ast.Load()))
        case ast.Return(value=ast.expr()):
            yield node, "return None"
        case ast.Break():
            yield node, "continue"
        case ast.Continue():
            yield node, "break"
        case ast.ExceptHandler(type=ast.Tuple(elts=kinds) as caught):
            for kind in kinds:
                yield caught, ast.unparse(ast.Tuple([each for each in kinds if each is not kind], ast.Load()))


def changes_of_a_formula(text: str, operands: int) -> Iterator[str]:
    """The formulas that differ from a text of the table in one place."""
    tree = ast.parse(text, mode="eval").body
    if not isinstance(tree, ast.Compare | ast.BoolOp):
        yield f"-({text})"
    for node in ast.walk(tree):
        others = list(changes(node))
        match node:
            case ast.Name(id="x" | "y" as name) if operands == 2:
                others.append(ast.Name("y" if name == "x" else "x"))
            case ast.Name(id="out"):
                others.append(ast.Name("x"))
            case ast.BinOp(left=left, right=right):
                others += [left, right]  # a factor or a term is forgotten
        yield from (replaced(text, node, f"({ast.unparse(other)})") for other in others)


def replaced(source: str, node: ast.AST, text: str) -> str:
    """The source with another text in the place of a node."""
    raw = source.encode()  # ast counts bytes
    starts = [0, *accumulate(map(len, raw.splitlines(keepends=True)))]
    begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
    return (raw[:begin] + text.encode() + raw[end:]).decode()


# --- where they are made ----------------------------------------------------------------------------------------------


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree that do something: no docstrings, annotations, decorators, imports or messages."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None):
            return
        case ast.FunctionDef(decorator_list=[ast.Name(id="overload")]) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.keyword(arg="strict" | "samples" | "kinks"):  # a guard of zip against ourselves; ranges of tests; words
            return
    yield node
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func).endswith("Error"):
        return
    for name, field in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list"):
            for each in field if isinstance(field, list) else [field]:
                if isinstance(each, ast.AST):
                    yield from parts(each)


@cache
def mutants_of(file: str, source: str) -> list[Mutant]:
    """All mutants of a Python file; of its calls ``Op(name, value, partials, ...)`` those of the formulas."""
    found: dict[str, Mutant] = {}
    unchanged = ast.dump(ast.parse(source))

    def add(node: ast.AST, text: str, row: str = "") -> None:
        mutated = replaced(source, node, text)
        if ast.dump(ast.parse(mutated)) != unchanged:
            found.setdefault(mutated, Mutant(file, node.lineno, ast.get_source_segment(source, node) or "", text, mutated, row))

    for node in parts(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="Op"), args=[name, value, ast.Tuple(elts=partials) as both], keywords=keywords):
                also = [each.value for each in keywords if each.arg == "domain"]
                for text in [value, *partials, *also]:
                    for formula in changes_of_a_formula(text.value, len(partials)):
                        add(text, f'"{ast.unparse(ast.parse(formula))}"', name.value)
                if len(partials) == 2:
                    add(both, ast.unparse(ast.Tuple(partials[::-1], ast.Load())), name.value)
            case ast.expr():
                for other in changes(node):
                    add(node, f"({ast.unparse(other)})")
            case _:
                for place, text in changes_of_a_statement(node):
                    add(place, text)
    return list(found.values())


# --- the trial --------------------------------------------------------------------------------------------------------


def stages(mutant: Mutant) -> Iterator[list[str]]:
    """The tests to run, as arguments of pytest: first the quick ones, then the most telling, then all others of the package."""
    package = mutant.file.split("/")[0]
    telling = [f"tests/{name}.py" if "/" in name else f"tests/{package}/{name}.py" for name in TELLING.get(mutant.file, [])]
    yield [*telling, "-k", mutant.row] if mutant.row else [package]  # a row's own tests, or the examples in the docstrings
    if telling:  # of another file nothing is known
        yield telling
    others = [f"tests/{package}", *ALSO.get(package, []), f"--ignore={CHAPTERS}"]
    left_out = [f"--ignore={each}" for each in telling] + [f"--deselect=tests/autograd/{each}" for each in SLOW]
    yield [*others, *left_out]


class Watch:
    """A plugin of pytest: a test that takes too much processor time ends the process."""

    def pytest_runtest_logstart(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)


def run_tests(checkout: Path, arguments: list[str]) -> None:
    """Run tests of a checkout in this process, and end it with the outcome as status."""
    os.setsid()
    os.chdir(checkout)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    os.environ["PYTHONPATH"] = sys.path[0] = str(checkout)  # before any other checkout, however installed
    import hypothesis
    import pytest

    hypothesis.settings.register_profile("short", phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], database=None)
    hypothesis.settings.load_profile("short")  # one failure is enough; it need not be shrunk
    try:
        import autograd
        import nn.matrix
    except Exception:
        os._exit(AT_IMPORT)
    if Path(autograd.__file__).parents[1] != checkout or Path(nn.matrix.__file__).parents[1] != checkout:
        os._exit(ELSEWHERE)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    options += ["--deselect", READS_THE_SOURCE]
    status = pytest.main([*options, *arguments], plugins=[Watch()])
    os._exit(ALIVE if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else KILLED)


def outcome(checkout: Path, arguments: list[str]) -> str:
    """What the tests say of a checkout."""
    process = multiprocessing.get_context("fork").Process(target=run_tests, args=(checkout, arguments))
    process.start()
    process.join(600)
    try:
        os.killpg(process.pid, signal.SIGKILL)  # and what it may have started
    except ProcessLookupError:
        pass
    process.join()
    if process.exitcode == ELSEWHERE:
        raise RuntimeError(f"the tests in {checkout} import another checkout than theirs")
    return {ALIVE: "survived", KILLED: "killed", AT_IMPORT: "refused"}.get(process.exitcode, "timeout")


def tried(mutant: Mutant, folder: Path, quick: bool) -> str:
    """What becomes of a mutant, in this process's own copy of the checkout."""
    checkout = folder / str(os.getpid())
    if not checkout.exists():
        shutil.copytree(folder / "unchanged", checkout)
    sys.dont_write_bytecode = True  # what stands in the copy is compiled from the unchanged files, and so it shall stay
    target = checkout / mutant.file
    original = target.read_text()
    target.write_text(mutant.source)
    try:
        verdicts = (outcome(checkout, stage) for stage in list(stages(mutant))[: 2 if quick else 3])
        return next((verdict for verdict in verdicts if verdict != "survived"), "survived")
    finally:
        target.write_text(original)


def copy_and_check(folder: Path) -> None:
    """Copy the checkout, and see that the tests pass there: else everything would be killed."""
    checkout = folder / "unchanged"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
    tests = ["autograd", "nn", "tests/autograd", "tests/nn", "tests/derivations", f"--ignore={CHAPTERS}"]
    if outcome(checkout, tests) != "survived":
        raise click.ClickException("the tests fail without any change; see to that first")


def selected(names: tuple[str, ...], sample: int, seed: int) -> Iterator[Mutant]:
    """The mutants of each file, or of one line of it (``file:line``); of those files that have more, a seeded sample."""
    for name in names or TELLING:
        file, _, line = name.partition(":")
        mutants = [each for each in mutants_of(file, (ROOT / file).read_text()) if line in ("", str(each.line))]
        if sample and len(mutants) > sample and file != "autograd/ops.py":
            mutants = sorted(random.Random(seed).sample(mutants, sample), key=mutants.index)
        yield from mutants


@click.command(help=__doc__)
@click.argument("files", nargs=-1)
@click.option("--sample", default=0, help="Try so many mutants of each file; of the table all. Default: all.")
@click.option("--seed", default=0, help="Which ones.")
@click.option("--jobs", default=2, help="How many at a time.")
@click.option("--quick", is_flag=True, help="Only the most telling tests: who survives them may yet be killed by others.")
def main(files: tuple[str, ...], sample: int, seed: int, jobs: int, quick: bool) -> None:
    os.nice(10)
    import hypothesis, mpmath, numpy, pytest, sympy  # noqa: E401, F401, I001  (once here, and not in each process)

    mutants = list(selected(files, sample, seed))
    counts: dict[str, Counter[str]] = {each.file: Counter() for each in mutants}
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(jobs, mp_context=fork) as pool:
        copy_and_check(Path(folder))
        verdicts = pool.map(partial(tried, folder=Path(folder), quick=quick), mutants)
        for number, (mutant, verdict) in enumerate(zip(mutants, verdicts, strict=True), start=1):
            counts[mutant.file][verdict] += 1
            click.echo(f"\r{number} of {len(mutants)} ", nl=False, err=True)
            if verdict == "survived":
                click.echo(f"{mutant.file}:{mutant.line}: {mutant.before}  ->  {mutant.after}")
    click.echo(f"{'file':28}{'mutants':>8}{'refused':>8}{'killed':>8}{'timeouts':>9}{'survived':>9}{'per cent':>9}")
    for file, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        tried_out = count.total() - count["refused"]
        rate = 100 * (1 - count["survived"] / tried_out) if tried_out else 100.0
        row = f"{count.total():8}{count['refused']:8}{count['killed']:8}{count['timeout']:9}{count['survived']:9}{rate:9.1f}"
        click.echo(f"{file:28}{row}")


if __name__ == "__main__":
    main()
