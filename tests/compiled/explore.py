"""Random functions on all executors for as long as you like: ``python -m tests.compiled.explore --seconds 600``."""

import argparse
import itertools
import time

from tests.compiled.oracle import eager, errors
from tests.compiled.tapes import drawn


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=600)
    arguments.add_argument("--first", type=int, default=10**6, help="the first seed")
    arguments.add_argument("--executors", nargs="*", default=["plain", "numpy", "native"])
    given = arguments.parse_args()
    end, worst = time.monotonic() + given.seconds, dict.fromkeys(given.executors, 0.0)
    for seed in itertools.count(given.first):
        if time.monotonic() > end:
            print(f"{seed - given.first} functions; the largest errors: {worst}")  # noqa: T201
            return
        function = drawn(seed)
        truth = eager(function)
        for executor in given.executors:
            error = float(max(errors(function, executor, truth).values()))
            if error > worst[executor]:
                worst[executor] = error
                print(f"{executor}: {error:.3g} for drawn({seed})", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
