"""How machine code is written: LLVM's intermediate representation, function by function."""
