"""docs/flat-and-fast.md shows code that the native executor writes for one processor; it is written for that processor here too."""

import html
import re
from pathlib import Path

import llvmlite.binding as llvm
import pytest

import nn
from autograd import Value
from autograd.compiled.native import Native
from autograd.compiled.native.llvm import jit
from autograd.compiled.tracing import trace

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "flat-and-fast.md").read_text(encoding="utf-8")


def block(kernel, language):
    """The lines of the page's block of that kernel, without comments."""
    [text] = re.findall(rf"<!-- {re.escape(kernel)}, {language} -->\n```{language}\n(.*?)```", PAGE, re.DOTALL)
    lines = [re.split("[;#]", line)[0].strip() for line in text.splitlines()]
    assert len(lines) > 5
    return lines


def in_order(wanted, lines):
    """Whether the wanted lines stand among the others in this order. An iterator is used up as it is searched."""
    rest = iter(lines)
    return all(any(re.fullmatch(each, line) for line in rest) for each in wanted)


def stands_in(shown, code):
    """Whether the instructions stand in the code in one piece: the arithmetic in this order, the rest in any, as LLVM's releases differ."""

    def arithmetic(instructions):
        return [each for each in instructions if re.fullmatch(r"v(f?n?madd\d*|add|sub|mul)pd", each)]

    pieces = (code[start : start + len(shown)] for start in range(len(code)))
    return any(sorted(piece) == sorted(shown) and arithmetic(piece) == arithmetic(shown) for piece in pieces)


def pattern(line):
    """A line of LLVM's language, whatever its registers are called; ... stands for anything."""
    return re.sub(r"%v\d+", r"%v\\d+", re.escape(line).replace(r"\.\.\.", ".*"))


@pytest.fixture(scope="module")
def neuron():
    w, b = Value(0.5, "w"), Value(-1.5, "b")
    return Native(trace(lambda x: (w * x + b).tanh(), [w, b], [()]), lanes=8)


@pytest.fixture(scope="module")
def network():
    model = nn.MLP(2, [16, 16, 1], seed=0)
    return Native(trace(lambda x, y: (1 - y * model(x)).relu(), model.parameters(), [(2,), ()]), lanes=8)


def test_the_kernel_in_llvm_is_what_is_written(neuron):
    [kernel] = re.findall(r"define void @tanh\.v\.first\.x8\(.*?\n\}", neuron.show("llvm"), re.DOTALL)
    lines = [line.strip() for line in kernel.splitlines()]
    shown = [pattern(line) for line in block("tanh.v.first", "llvm")]
    assert in_order(shown, lines)
    assert not in_order([pattern("store double 1.0"), *shown], lines)
    assert not in_order(shown[::-1], lines)


@pytest.fixture
def the_pages_processor(monkeypatch):
    """Whatever the host is, LLVM writes assembly for Linux on the processor that the page names, which schedules in its own way."""
    triple, [cpu] = "x86_64-unknown-linux-gnu", set(re.findall(r"LLVM calls `(.*?)`", PAGE))
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError:
        pytest.skip("this llvmlite writes no code for x86-64 processors")
    monkeypatch.setattr(jit.llvm, "get_process_triple", lambda: triple)
    monkeypatch.setattr(jit, "target_machine", lambda: target.create_target_machine(cpu=cpu, opt=1, jit=True))


@pytest.mark.usefixtures("the_pages_processor")
@pytest.mark.parametrize(("kernel", "program"), [("tanh.v.first", "neuron"), ("matrix.shared.relu.passing.4x4x8", "network")])
def test_the_kernels_in_assembly_have_the_instructions_that_are_shown(kernel, program, request):
    text = request.getfixturevalue(program).show("asm")
    name = kernel if kernel.endswith("x8") else f"{kernel}.x8"
    code = text.split(f"\n{name}:\n")[1].split(".cfi_endproc")[0]
    instructions = [line.split()[0] for line in code.splitlines() if line.strip()]
    shown = [line.split()[0] for line in block(kernel, "asm") if not line.startswith(".")]
    assert stands_in(shown, instructions)
    assert not stands_in([*shown, *shown], instructions)
    for i in range(len(shown)):
        assert not stands_in([*shown[:i], "vdivpd", *shown[i + 1 :]], instructions)


@pytest.mark.parametrize(
    ("picture", "shown"),
    [
        ("flat-and-fast-neuron", ("v1", "v5", "2.138", "-4.6", "-2.3", "0.7864", "-2.924")),
        ("flat-and-fast-layer", ("w[1,1]", "w[2,2]", "b[2]", "x[0]", "x[1]", "row 1", "row 2")),
    ],
)
def test_the_pictures_show_the_numbers_of_their_examples(picture, shown):
    text = html.unescape(re.sub(r"<[^>]+>", " ", (DOCS / f"{picture}.svg").read_text(encoding="utf-8")))
    assert [each for each in shown if each not in text] == []
