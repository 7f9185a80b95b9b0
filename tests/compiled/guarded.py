"""Memory between two pages that nobody may touch: a program that reads or writes past its buffers dies at once.

As a script it runs a native program over batches of every size, in guarded memory:
``python -m tests.compiled.guarded LANES SIDE [BUG]``. SIDE is ``after`` or ``before``: on this side each buffer touches a guard
page. BUG is the name of a bug that ``plant`` plants.
"""

import ctypes
import mmap
import sys
from contextlib import nullcontext
from unittest import mock

import numpy as np

import autograd
from autograd import Value, tanh, total
from autograd.compiled.native import Native
from autograd.compiled.native.kernels.memory import StoreGradient
from autograd.compiled.native.machine import Machine
from autograd.compiled.native.plan.batch import BatchLayout
from autograd.compiled.native.plan.stream import Stream

PAGE = mmap.PAGESIZE
ALIVE = []  # guarded memory is never freed


def guarded(side):
    """An allocator of arrays of bytes between two guard pages, of which the one on this side touches the array."""
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def allocate(size):
        pages = -(-size // PAGE)
        memory = mmap.mmap(-1, (pages + 2) * PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for guard in (address, address + (pages + 1) * PAGE):
            assert protect(guard, PAGE, 0) == 0
        ALIVE.append(memory)
        start = PAGE if side == "before" else (pages + 1) * PAGE - size
        return np.frombuffer(memory, dtype=np.uint8, count=size, offset=start)

    return allocate


def program():
    """A network with a matrix of five rows, single operations on shared numbers and on an example's own, and a penalty."""
    w = [Value(0.1 * k - 0.7, f"w{k}") for k in range(21)]

    def loss(x, y):
        hidden = [tanh(w[k] + w[5 + k] * x[0] + w[10 + k] * x[1] + w[15 + k] * x[2]) for k in range(5)]
        out = total(w[k] * h for k, h in enumerate(hidden)) * w[20] + x[1] ** 1.5
        return (out - y) ** 2 + 0.01 * total(weight * weight for weight in w)

    compiled = autograd.compile(loss, w, shapes=[(3,), ()])
    return compiled.tape, compiled.parameters()


def run(lanes, side):
    """Everything that a bound program can be asked, for batches of 1 to 33."""
    allocate = guarded(side)
    words = Stream.words

    def guarded_words(self, addresses):
        unguarded = words(self, addresses)
        array = allocate(unguarded.nbytes).view(np.int64)
        array[:] = unguarded
        return array

    tape, theta = program()
    native = Native(tape, lanes=lanes)
    rng = np.random.default_rng(0)
    with mock.patch.object(Stream, "words", guarded_words):
        for count in range(1, 34):
            for number in (0.5, np.inf):  # on which kernels are fast, and careful
                examples = rng.uniform(0.1, 1.0, (count, 4))
                examples[0, 0] = number
                it = native.bind(examples, allocate=allocate)
                it.gradient(theta), it.value(theta), it.outputs(theta), it.per_example(theta)


def plant(name):
    """Plant a bug: the program goes 8 bytes too far, at one end or the other, or has less memory than it needs."""
    add, prepared, layout = Stream.add, Machine.prepared, BatchLayout.__init__

    def one_more(self, kernel, *words):
        add(self, kernel, *((words[0] + 8, *words[1:]) if kernel == StoreGradient() else words))

    def too_early(self, phases):
        return prepared(self, [phase._replace(data=phase.data and phase.data - 8) for phase in phases])

    def less(self, arena, *args, **kwargs):
        layout(self, arena, *args, **kwargs)
        arena.size -= 64

    bugs = {
        "writes behind": mock.patch.object(Stream, "add", one_more),
        "reads ahead": mock.patch.object(Machine, "prepared", too_early),
        "small arena": mock.patch.object(BatchLayout, "__init__", less),
    }
    return bugs[name] if name else nullcontext()


if __name__ == "__main__":
    lanes, side, *bug = sys.argv[1:]
    with plant(" ".join(bug)):
        run(int(lanes), side)
    print("no access past the ends")  # noqa: T201
