"""Compiles kernels to machine code: each once in a process, whatever tapes use it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Protocol

import llvmlite.binding as llvm

from autograd.compiled.native.llvm.ir import Code
from autograd.interrupts import Turn, register_at_fork, with_undo

BLOCK_VECTORS = {8: 4, 4: 2, 2: 2, 1: 1}
"""How many vectors a block has, by the lanes of a vector: as many as leave registers for a tile of four matrix rows."""

ARGUMENTS = "ptr noalias %pc, ptr %base"
"""The arguments of every kernel: the address of its instruction, and the base to which the instruction's offsets are added."""


class Kernel(Protocol):
    """A loop that can be compiled. Equal kernels have one name, and are compiled once."""

    @property
    def name(self) -> str:
        """Its name in LLVM IR; no other kernel has it."""

    def write(self) -> Code:
        """Its code: a function of ``ARGUMENTS`` that ends with ``next_kernel``."""


def next_kernel(code: Code, pc: str) -> None:
    """End a kernel by a jump to the instruction at ``pc``, whose first word is the address of its kernel.

    This is threaded code (Bell, 1973): no loop over instructions, no switch; each kernel jumps to the next.
    """
    kernel = code.load(pc, "ptr")
    code.emit(f"musttail call void {kernel}(ptr {pc}, ptr %base)")
    code.emit("ret void")


class Halt:
    """The kernel that ends a stream."""

    name = "halt"

    def write(self) -> Code:
        """Return to the driver."""
        code = Code(self.name, ARGUMENTS, lanes=1)
        code.emit("ret void")
        return code


class Library:
    """All compiled kernels of this process. Kernels are added and never removed."""

    def __init__(self) -> None:
        self._engines: list[llvm.ExecutionEngine] = []  # each keeps its kernels alive
        self._addresses: dict[str, int] = {}

    def addresses(self, kernels: Iterable[Kernel]) -> dict[str, int]:
        """The address of each kernel, by its name. New ones are compiled first."""
        by_name = {kernel.name: kernel for kernel in kernels}
        me = object()

        def compile_new() -> None:
            _compiling.take(me)
            new = [kernel for name, kernel in by_name.items() if name not in self._addresses]
            if new:
                self._compile(new)

        if not self._addresses.keys() >= by_name.keys():
            with_undo(compile_new, lambda: _compiling.give_back(me))
        return {name: self._addresses[name] for name in by_name}

    def _compile(self, kernels: Sequence[Kernel]) -> None:
        """Compile in an engine of its own, of which an interrupt leaves nothing."""
        machine = target_machine()
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_module(optimised(kernels, machine))
        engine.finalize_object()
        addresses = {kernel.name: engine.get_function_address(kernel.name) for kernel in kernels}
        self._engines.append(engine)
        self._addresses.update(addresses)


_compiling = Turn()


def _wait_until_nothing_is_compiled() -> None:
    _compiling.take(os)


def _go_on() -> None:
    _compiling.give_back(os)


# LLVM has locks of its own, which a process made by fork() would find taken for good.
register_at_fork(before=_wait_until_nothing_is_compiled, after_in_parent=_go_on, after_in_child=_go_on)


@cache
def library() -> Library:
    return Library()


def target_machine() -> llvm.TargetMachine:
    """The host with all its features. Each call returns a new one, because the engine that compiles with it owns it."""
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
    """The kernels in LLVM IR as they are written, before LLVM optimises them."""
    codes = [kernel.write() for kernel in kernels]
    declared = {name: text for code in codes for name, text in code.declared.items()}
    return "\n".join([*declared.values(), *(code.text() for code in codes)])


def optimised(kernels: Iterable[Kernel], machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """The kernels as a module, after the few passes of LLVM that help code whose loops are already laid out by hand."""
    module = llvm.parse_assembly(assembly_text(kernels))
    module.triple = llvm.get_process_triple()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()  # variables into registers
    passes.add_instruction_combine_pass()
    passes.add_new_gvn_pass()  # computes once what is written twice: the exp of a sigmoid and of its derivative
    passes.add_simplify_cfg_pass()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return module


def assembly(kernels: Iterable[Kernel]) -> str:
    """The kernels in the assembly language of the host."""
    machine = target_machine()
    return str(machine.emit_assembly(optimised(kernels, machine)))
