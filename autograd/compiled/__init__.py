"""Scalar code for one example, compiled to a program that runs forward and backward over whole batches.

    tracing     runs the function once and writes down what it did ...
    tape        ... as a list of operations on numbered slots (Wengert 1964)
    steps       finds the matrices that are hidden in the list
    plain, arrays, native      execute it: plain Python floats, NumPy, machine code
    program     is what ``autograd.compile`` gives
"""
