"""Steps as text, the same for all executors: what was recognised in a tape, in the order in which a batch goes through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograd.compiled.arrays.long_sums import with_sums
from autograd.compiled.steps import steps_by_level
from autograd.compiled.tape import Tape

FEWEST, LONGEST = 3, 8  # repetitions that are worth folding, and lines in what is repeated


def to_text(tape: Tape) -> str:
    """A line for each step, after "once" what depends on no input and so is computed once per call; repetitions are folded.

    >>> from autograd import OPS
    >>> from autograd.compiled.tape import Instruction
    >>> square, add, tanh = Instruction(OPS["mul"], 0, 0), Instruction(OPS["add"], 1, 2), Instruction(OPS["tanh"], 3)
    >>> print(to_text(Tape(1, 1, (), (square, add, tanh, tanh._replace(x=4), tanh._replace(x=5)), (6,), num_differentiated=1)))
    once: 1 x *
    1 x +
    3 times: 1 x tanh
    """
    shared, examples = ([str(step) for step in with_sums(tape, steps)] for steps in steps_by_level(tape))
    return "\n".join([*(f"once: {line}" for line in _folded(shared)), *_folded(examples)])


def _folded(lines: Sequence[str]) -> Iterator[str]:
    """The lines, but in the place of some that are repeated: how often, and they."""
    at = 0
    while at < len(lines):
        times, period = max(((_times(lines, at, period), period) for period in range(1, LONGEST + 1)), key=_length)
        if times >= FEWEST and not _better_one_later(lines, at, period, times):
            yield f"{times} times: {'; '.join(lines[at : at + period])}"
            at += times * period
        else:
            yield lines[at]
            at += 1


def _better_one_later(lines: Sequence[str], at: int, period: int, times: int) -> bool:
    """Whether one line later there is as long a repetition, and that one begins with a matrix, as a layer does."""
    here, later = (line.startswith("matrix") for line in (*lines, "")[at : at + 2])
    return later and not here and _times(lines, at + 1, period) >= times


def _length(found: tuple[int, int]) -> tuple[int, int]:
    """The longest repetition is the best, and of the longest the one of the shortest part."""
    times, period = found
    return (times * period if times >= FEWEST else 0, -period)


def _times(lines: Sequence[str], at: int, period: int) -> int:
    """How often the lines from there on are repeated."""
    end = at + period
    while end < len(lines) and lines[end] == lines[end - period]:
        end += 1
    return (end - at) // period
