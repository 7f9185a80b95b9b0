"""All equations, in the order of the notes: importing a file of cases registers its equations."""

from importlib import import_module
from pathlib import Path

from tests.derivations.registry import EQUATIONS as EQUATIONS

for path in sorted(Path(__file__).parent.glob("note[0-9]*.py")):
    import_module(f"tests.derivations.{path.stem}")
