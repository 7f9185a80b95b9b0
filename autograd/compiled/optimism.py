"""Fast first, and careful where that may be wrong: how NumPy and native code compute with infinity and nan.

Fast code multiplies by zeros that pass nothing on, and it may multiply and add in one rounding. Both are right while all numbers are
finite: then no zero meets infinity, and no product overflows. Whether that is so, the processor knows. It raises a flag when finite
operands give infinity or nan, so if the parameters, constants and data are finite and no flag is raised, all numbers were finite.

Careful code takes longer, and says what the plain executor says: what is cut passes nothing on, and each product is rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Way = TypeVar("Way")
Answer = TypeVar("Answer")


class FastOrCareful(Generic[Way]):
    """Two ways to run a tape on its data, each made when it is first taken.

    Args:
        make: the way, careful or not.
        finite: whether the data and constants are finite; if not, there is no point in being fast.
    """

    def __init__(self, make: Callable[[bool], Way], finite: bool) -> None:
        self._make, self._finite, self._fast_first = make, finite, finite
        self._fast, self._careful = list[Way](), list[Way]()

    def ask(self, question: Callable[[Way, Any], tuple[Answer, Any]], theta: Any) -> Answer:
        """The fast answer if it is free of doubt, else the careful one. ``question(way, theta)`` is an answer, and what makes it
        doubtful.

        First is asked the way whose answer was taken last. The answer does not depend on that: equal calls give equal bits.

        A way has memory of its own, so a call takes one that no other thread uses, or makes one. A call that is interrupted, or
        under way in another thread when the process forks, has taken it for good.

        >>> ways = FastOrCareful(lambda careful: "careful" if careful else "fast", finite=True)
        >>> [ways.ask(lambda way, theta: (way, theta > 1), theta) for theta in (0, 2, 2, 0)]
        ['fast', 'careful', 'careful', 'fast']
        """
        if self._fast_first:
            try:
                way = self._fast.pop()
            except IndexError:
                way = self._make(False)
            answer, doubt = question(way, theta)
            self._fast.append(way)
            if not doubt:
                return answer
            self._fast_first = False
        answer, doubt = self._ask(self._careful, question, theta)
        if self._finite and not doubt:
            fast_answer, doubt = self._ask(self._fast, question, theta)
            if not doubt:
                self._fast_first = True
                return fast_answer
        return answer

    def _ask(self, idle: list[Way], question: Callable[[Way, Any], Answer], theta: Any) -> Answer:
        try:
            way = idle.pop()
        except IndexError:  # none is idle
            way = self._make(idle is self._careful)
        answer = question(way, theta)
        idle.append(way)
        return answer
