"""Native code: one tape interpreter over blocks of examples, written in LLVM's intermediate representation from the table.

    ir          writes a function in LLVM IR, line by line
    symbols     the C library's functions, and their vector forms
    formula     a text of the table -> instructions, for one number or for vectors
    jit         kernels -> machine code, once each
    rows        kernels of single operations, forward and backward
    matrices    kernels of matrices over a block of examples
    moves       kernels that move numbers, and the driver
    stream      streams of instructions; the arena that they work on
    fusion      which steps of a block run as one
    liveness    which numbers of a block are needed when
    shared      layout of what all examples share
    block       layout of a batch in vectors
    machine     an arena in memory, and the call that runs streams on it; threads
    bound       a tape with its data
    executor    the executor

Compiled are only kernels, small loops that know an operation and the form of its operands but no tape. A tape becomes a stream
of instructions for them. So compiling takes tens of milliseconds whatever the size of the tape, and the next tape finds most
kernels compiled already.
"""

from autograd.compiled.native.executor import Native as Native
