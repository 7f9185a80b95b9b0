"""The mutator runs as a script, so its modules import each other from its own folder. They hold no examples to collect."""

import sys
from pathlib import Path

HERE = Path(__file__).parent

sys.path.insert(0, str(HERE))
collect_ignore = [path.name for path in HERE.glob("*.py") if not path.name.startswith("test_")]
