"""How machine code is written and compiled: functions in LLVM's intermediate representation."""
