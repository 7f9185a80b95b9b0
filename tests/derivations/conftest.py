"""Prints a table of the equations at the end of the run."""

from tests.derivations.registry import EQUATIONS, RESULTS

COLUMNS = 4


def pytest_terminal_summary(terminalreporter):
    """Print each equation that was run, with its verdict and its worst error relative to the largest entry."""
    if not RESULTS:
        return
    terminalreporter.section("equations of the lecture notes: verdict, worst error")
    shown = [f"{number:<7} {EQUATIONS[number].verdict}  {result.error:.1e}" for number, result in RESULTS.items()]
    for k in range(0, len(shown), COLUMNS):
        terminalreporter.write_line("    ".join(shown[k : k + COLUMNS]))
