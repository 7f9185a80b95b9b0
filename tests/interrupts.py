"""Interrupts at any line: KeyboardInterrupt at the k-th place where Ctrl-C could strike in code of the packages.

A place is a line that begins, or a function that returns, in a file of the packages or in ``contextlib``: what is entered by a
``with`` statement is interrupted before its first line too.
"""

import contextlib
import inspect
import random
import sys
from pathlib import Path

from tests.sweeps import DEPTH

ROOT = Path(__file__).parents[1]
PLACES = (*(str(ROOT / package) + "/" for package in ("autograd", "nn", "viz", "chainrule")), contextlib.__file__)
SHARE = 10  # of the places, one in so many is tried by default


def struck_at(k, run):
    """Run it, with an interrupt at the k-th place; None for no interrupt. Returns how many places it came to."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_code.co_filename.startswith(PLACES) or frame.f_code.co_name == "__del__":  # where Python drops it
            return None
        if event == "return" and frame.f_code.co_flags & inspect.CO_GENERATOR:  # it may be closed, where Python drops it too
            return trace
        if event in ("line", "return"):
            count += 1
            if count == k:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return count


def strikes(run, prepare=lambda: None, sample=None):
    """The numbers of the places at which ``run`` was interrupted, one after the other: with ``--long`` all, else a tenth of them.

    ``prepare()`` is called before each run. ``sample`` is the most that are tried without ``--long``.
    """
    prepare()
    run()  # what is compiled, cached or imported once is there
    prepare()
    total = struck_at(None, run)
    assert total
    places = range(1, total + 1)
    if not DEPTH.long:
        count = max(min(8, total), total // SHARE)
        places = sorted(random.Random(DEPTH.seed).sample(places, min(count, sample or count)))
    for k in places:
        prepare()
        struck_at(k, run)
        yield k
