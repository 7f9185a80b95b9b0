"""Kernels become machine code: once each, whatever tapes use them."""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterable
from functools import cache
from typing import Protocol

import llvmlite.binding as llvm

from autograd.compiled.native.llvm.ir import Code

UNROLL = {8: 4, 4: 2, 2: 2, 1: 1}
"""For each number of lanes, how many vectors a block has: as many as leave registers for a tile of four matrix rows."""

ARGUMENTS = "ptr noalias %pc, ptr %base"
"""Of every kernel: where its instruction stands, and the memory that the instruction's offsets refer to."""


class Kernel(Protocol):
    """What a piece of machine code does; hashable, so that equal ones are compiled once."""

    @property
    def name(self) -> str:
        """Its name in LLVM IR and in messages: the same for equal kernels alone."""

    def write(self) -> Code:
        """Its code: a function of ``ARGUMENTS`` that ends by going on with the next instruction."""


def next_kernel(code: Code, pc: str) -> None:
    """End a kernel: go on with the instruction at ``pc``, whose first word is the address of its kernel.

    This is threaded code (Bell, 1973): no loop over instructions, no switch; each kernel jumps to the next.
    """
    kernel = code.load(pc, "ptr")
    code.end(f"musttail call void {kernel}(ptr {pc}, ptr %base)")
    code.end("ret void")


class Halt:
    """The kernel that ends a stream."""

    name = "halt"

    def write(self) -> Code:
        """Return to the driver."""
        code = Code(self.name, ARGUMENTS, lanes=1)
        code.end("ret void")
        return code


class Library:
    """All compiled kernels of this process; kernels are only ever added."""

    def __init__(self) -> None:
        self._machine = target_machine()
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self._machine)
        self._addresses: dict[str, int] = {}
        self._lock = threading.Lock()

    def addresses(self, kernels: Iterable[Kernel]) -> dict[str, int]:
        """The address of each kernel by its name; those that are new are compiled first."""
        wanted = {kernel.name: kernel for kernel in kernels}
        with self._lock:
            new = [kernel for name, kernel in wanted.items() if name not in self._addresses]
            if new:
                self._engine.add_module(optimised(new, self._machine))
                self._engine.finalize_object()
                for kernel in new:
                    self._addresses[kernel.name] = self._engine.get_function_address(kernel.name)
            return {name: self._addresses[name] for name in wanted}


@cache
def library() -> Library:
    """The process's library."""
    return Library()


def target_machine() -> llvm.TargetMachine:
    """The host, with all it has; a new one, since the engine that compiles with it takes it over."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1, jit=True
    )


@cache
def native_lanes() -> int:
    """How many doubles the host's widest vectors have: 8 with AVX-512, 4 with AVX2, 2 with SSE2 or NEON, else 1."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f") and features.get("avx512dq"):
        return 8
    if features.get("avx2") and features.get("fma"):
        return 4
    return 2 if platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64") else 1


def assembly_text(kernels: Iterable[Kernel]) -> str:
    """The kernels in LLVM IR, as they are written, before LLVM has improved them."""
    codes = [kernel.write() for kernel in kernels]
    declared = {name: text for code in codes for name, text in code.declared.items()}
    return "\n".join([*declared.values(), *(code.text() for code in codes)])


def optimised(kernels: Iterable[Kernel], machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """The kernels as a module, after those few of LLVM's passes that matter here: the kernels are laid by hand."""
    module = llvm.parse_assembly(assembly_text(kernels))
    module.triple = llvm.get_process_triple()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()  # variables into registers
    passes.add_instruction_combine_pass()
    passes.add_new_gvn_pass()  # what is computed twice is computed once: the exp of a sigmoid and of its derivative
    passes.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return module


def assembly(kernels: Iterable[Kernel]) -> str:
    """The kernels in the assembly language of the host."""
    machine = target_machine()
    return str(machine.emit_assembly(optimised(kernels, machine)))
