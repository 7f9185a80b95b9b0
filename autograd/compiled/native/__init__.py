"""Native code: machine code interprets a tape, over blocks of examples.

LLVM compiles only *kernels*: small loops, generated from the table of derivatives, that know an operation and the form of its
operands, and no tape. A tape becomes a stream of instructions for the kernels. So compiling takes tens of milliseconds whatever
the size of the tape, and the next tape finds most kernels compiled (decision D9). All examples run in one layout, a single
example with one lane (D10).

    llvm        functions in LLVM's intermediate representation, and their way to machine code
    kernels     the loops that are compiled
    plan        a tape laid out in memory, and its stream of instructions
    machine     memory, and the calls that run streams on it; threads
    bound       a tape with its data
    executor    the executor
"""

from autograd.compiled.native.executor import Native as Native
