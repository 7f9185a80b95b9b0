"""Code writes one function in LLVM's intermediate representation (IR), line by line.

It knows only what the kernels need: numbers are ``double`` or vectors of them, addresses are ``ptr``, and words of the
instruction stream are ``i64``. Variables that change live in memory (``alloca``), as in any naive compiler; LLVM's first pass
moves them into registers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

WORD_BYTES = 8
"""The bytes of a word of the instruction stream, and of a double."""

Number = float | str
"""A constant, or the name of a computed value: ``%v7``."""


class Code:
    """A function under construction, whose vectors have ``lanes`` doubles. In ``fused`` code LLVM may join a product and a sum
    to one instruction with one rounding.

    >>> code = Code("twice", "ptr %x", lanes=2)
    >>> x = code.load("%x")
    >>> code.store(code.binary("fadd", x, x), "%x")
    >>> code.emit("ret void")
    >>> print(code.text())
    define void @twice(ptr %x) {
    begin:
      %v1 = load <2 x double>, ptr %x, align 8
      %v2 = fadd <2 x double> %v1, %v1
      store <2 x double> %v2, ptr %x, align 8
      ret void
    }
    """

    def __init__(self, name: str, arguments: str, lanes: int, fused: bool = False, result: str = "void") -> None:
        self.name, self.arguments, self.lanes, self.result = name, arguments, lanes, result
        self.flags = " contract" if fused else ""
        self.type = f"<{lanes} x double>" if lanes > 1 else "double"
        self.declared: dict[str, str] = {}  # the functions that it calls: name -> declaration
        self._variables: list[str] = []
        self._lines: list[str] = []
        self._names = 0  # how many names were handed out

    def text(self) -> str:
        """The text of the function. The module must declare what it calls: ``declared``."""
        body = "\n".join(f"  {line}" if not line.endswith(":") else line for line in [*self._variables, *self._lines])
        return f"define {self.result} @{self.name}({self.arguments}) {{\nbegin:\n{body}\n}}"

    # --- instructions -----------------------------------------------------------------------------------------------

    def fresh(self, prefix: str = "%v") -> str:
        """A name that nothing else has."""
        self._names += 1
        return f"{prefix}{self._names}"

    def let(self, instruction: str) -> str:
        """Write ``%v = instruction`` and return the new name."""
        name = self.fresh()
        self._lines.append(f"{name} = {instruction}")
        return name

    def emit(self, instruction: str) -> None:
        """Write an instruction that has no result."""
        self._lines.append(instruction)

    def binary(self, operation: str, x: Number, y: Number) -> str:
        """``fadd``, ``fsub``, ``fmul`` or ``fdiv`` of two numbers."""
        return self.let(f"{operation}{self.flags} {self.type} {self.number(x)}, {self.number(y)}")

    def multiply_add(self, x: str, y: str, z: str) -> str:
        """``x * y + z``: one instruction with one rounding, if the machine has it."""
        return self.call(f"llvm.fmuladd.{self.suffix}", x, y, z)

    def call(self, function: str, *arguments: str, convention: str = "") -> str:
        """Call a function whose result depends on nothing but its arguments."""
        return self._call(self.type, function, arguments, convention)

    def sum_of_lanes(self, x: str, lanes: str) -> str:
        """The sum of a double and all lanes of a vector, added in any order."""
        if self.lanes == 1:
            return self.binary("fadd", x, lanes)
        function = f"llvm.vector.reduce.fadd.{self.suffix}"
        self.declared[function] = f"declare double @{function}(double, {self.type})"
        return self.let(f"call reassoc double @{function}(double {x}, {self.type} {lanes})")

    def call_of_doubles(self, function: str, *arguments: str) -> str:
        """Call a function of single doubles, whatever the width of the vectors."""
        return self._call("double", function, arguments, "")

    def on_flags(self, function: str, flags: int) -> str:
        """Call ``fetestexcept``, ``feclearexcept`` or ``feraiseexcept``, functions of the processor's flags; an ``i32``."""
        self.declared[function] = f"declare i32 @{function}(i32)"
        return self.let(f"call i32 @{function}(i32 {flags})")

    def _call(self, kind: str, function: str, arguments: Sequence[str], convention: str) -> str:
        types = ", ".join([kind] * len(arguments))
        self.declared[function] = f"declare {convention} {kind} @{function}({types}) memory(none) nounwind willreturn"
        operands = ", ".join(f"{kind} {argument}" for argument in arguments)
        return self.let(f"call {convention} {kind} @{function}({operands})")

    def select(self, mask: str, yes: Number, no: Number) -> str:
        """``yes`` where the mask holds, else ``no``."""
        return self.let(f"select {self.bits} {mask}, {self.type} {self.number(yes)}, {self.type} {self.number(no)}")

    def negated(self, mask: str) -> str:
        """The mask that holds where this one does not."""
        return self.let(f"xor {self.bits} {mask}, {self.everywhere}")

    @property
    def everywhere(self) -> str:
        """The mask that holds in all lanes."""
        return "splat (i1 true)" if self.lanes > 1 else "true"

    def number(self, x: Number) -> str:
        """A number as an operand is written: a computed value by its name, a constant in all lanes."""
        if isinstance(x, str):
            return x
        bits = f"0x{struct.pack('>d', x).hex().upper()}"
        return f"<{', '.join([f'double {bits}'] * self.lanes)}>" if self.lanes > 1 else bits

    @property
    def bits(self) -> str:
        """The type of a mask, and of what a comparison says: a bit for each lane."""
        return f"<{self.lanes} x i1>" if self.lanes > 1 else "i1"

    @property
    def integers(self) -> str:
        """The type of the bits of a number, as an integer."""
        return f"<{self.lanes} x i64>" if self.lanes > 1 else "i64"

    def integer(self, n: int) -> str:
        """An integer in all lanes, as an operand is written."""
        return f"splat (i64 {n})" if self.lanes > 1 else str(n)

    def bits_of(self, x: Number) -> str:
        """The bits of a number."""
        return self.let(f"bitcast {self.type} {self.number(x)} to {self.integers}")

    @property
    def suffix(self) -> str:
        """What LLVM appends to the name of a function that exists for several types."""
        return f"v{self.lanes}f64" if self.lanes > 1 else "f64"

    # --- memory -----------------------------------------------------------------------------------------------------

    def at(self, base: str, offset: str | int) -> str:
        """The address ``offset`` bytes after ``base``."""
        return base if offset == 0 else self.let(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, address: str, kind: str = "") -> str:
        """Load a number, or a value of the LLVM type ``kind``."""
        return self.let(f"load {kind or self.type}, ptr {address}, align 8")

    def store(self, x: Number, address: str, kind: str = "") -> None:
        """Store a number, or a value of the LLVM type ``kind``."""
        self.emit(f"store {kind or self.type} {self.number(x) if not kind else x}, ptr {address}, align 8")

    def broadcast(self, address: str) -> str:
        """Load one double into all lanes."""
        return self.splat(self.load(address, "double"))

    def splat(self, x: str) -> str:
        """A vector with the double in all lanes."""
        if self.lanes == 1:
            return x
        first = self.let(f"insertelement {self.type} poison, double {x}, i64 0")
        return self.let(f"shufflevector {self.type} {first}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def lane(self, x: str, k: int) -> str:
        """The double in lane ``k``."""
        return x if self.lanes == 1 else self.let(f"extractelement {self.type} {x}, i64 {k}")

    def with_lane(self, x: str, k: int, value: str) -> str:
        """The vector with another double in lane ``k``."""
        return value if self.lanes == 1 else self.let(f"insertelement {self.type} {x}, double {value}, i64 {k}")

    # --- control ----------------------------------------------------------------------------------------------------

    def variable(self, kind: str, start: str) -> str:
        """The address of a new variable."""
        name = self.fresh("%a")
        self._variables.append(f"{name} = alloca {kind}")
        self.emit(f"store {kind} {start}, ptr {name}")
        return name

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Run what is inside if the condition, an ``i1``, holds."""
        label = self.fresh("when")
        self.emit(f"br i1 {condition}, label %{label}, label %{label}.end")
        self.emit(f"{label}:")
        yield
        self.emit(f"br label %{label}.end")
        self.emit(f"{label}.end:")

    @contextmanager
    def repeat(self, count: str | int, start: str | int = 0, step: int = 1) -> Iterator[str]:
        """Run what is inside for i = start, start + step, ... below ``count``; ``start`` must be below ``count``."""
        label = self.fresh("loop")
        counter = self.variable("i64", str(start))
        self.emit(f"br label %{label}")
        self.emit(f"{label}:")
        i = self.let(f"load i64, ptr {counter}")
        yield i
        following = self.let(f"add nuw nsw i64 {i}, {step}")
        self.emit(f"store i64 {following}, ptr {counter}")
        self.emit(f"br i1 {self.let(f'icmp ult i64 {following}, {count}')}, label %{label}, label %{label}.end")
        self.emit(f"{label}.end:")

    # --- integers, for addresses -------------------------------------------------------------------------------------

    def times(self, x: str, factor: int) -> str:
        return self.let(f"mul nuw nsw i64 {x}, {factor}")

    def plus(self, x: str, y: str | int) -> str:
        return self.let(f"add nuw nsw i64 {x}, {y}")

    def word(self, address: str, i: str | int = 0) -> str:
        """The integer in word ``i`` after an address."""
        return self.load(self.at(address, WORD_BYTES * i if isinstance(i, int) else self.times(i, WORD_BYTES)), "i64")
