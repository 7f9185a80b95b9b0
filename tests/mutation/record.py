"""The record of the last runs, what explains the survivors, and the page that shows both."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from mutants import Mutant, mutants_of
from trials import HERE

RUNS, EXPLANATIONS, PAGE = HERE / "results.json", HERE / "explanations.json", HERE / "results.md"
COLUMNS = ("mutants", "refused", "killed", "timeout", "survived")


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def run_of(verdicts: Iterable[tuple[Mutant, str]], **how: object) -> dict:
    """What the record keeps of one run: how it was made, the verdicts of each file, and the survivors with their lines."""
    files: dict[str, Counter[str]] = {}
    survivors = []
    for mutant, verdict in verdicts:
        files.setdefault(mutant.file, Counter())[verdict] += 1
        if verdict == "survived":
            survivors.append({"file": mutant.file, "line": mutant.line, "before": mutant.before, "after": mutant.after})
    return {**how, "files": files, "survivors": survivors}


def row(counts: Counter[str]) -> list[str]:
    """Mutants, refused, killed, timeouts, survivors, and how many per cent of those tried did not survive."""
    tried = counts.total() - counts["refused"]
    rate = f"{100 * (1 - counts['survived'] / tried):.1f}" if tried else ""
    return [str(counts.total()), *(str(counts[verdict]) for verdict in COLUMNS[1:]), rate]


def table(runs: Mapping[str, Mapping]) -> str:
    """The runs as a table of Markdown."""
    lines = [["what", "how", *COLUMNS, "per cent noticed"], ["---"] * (len(COLUMNS) + 3)]
    for target, run in sorted(runs.items()):
        how = f"{run['sample']} of {run['of']}, seed {run['seed']}" if run["sample"] else "all"
        counts = sum(map(Counter, run["files"].values()), Counter())
        lines.append([f"`{target}`", how + ", quick" * run["quick"], *row(counts)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: str) -> str:
    return f"`` {' '.join(text.split())} ``"


def page(runs: Mapping[str, Mapping], explanations: Mapping[str, Mapping[str, str]]) -> str:
    """What the runs found: the table, and each survivor with what explains it."""
    text = f"# Results\n\n[mutate.py](README.md) writes this page after each run.\n\n{table(runs)}"
    survivors = sorted({tuple(survivor.values()) for run in runs.values() for survivor in run["survivors"]})
    for file, found in groupby(survivors, key=itemgetter(0)):
        text += f"\n## Survivors of `{file}`\n\n"
        for _, line, before, after in found:
            why = explanations.get(line, {}).get(after, "**not explained**")
            text += f"- {code(line)}\n  with {code(after)} for {code(before)}: {why}\n"
    return text


def stale(explanations: Mapping[str, Mapping[str, str]], sources: Mapping[str, str]) -> list[str]:
    """The explanations of mutants that are no longer made, as ``line: after``."""
    made = {
        (mutant.line, mutant.after)
        for file, source in sources.items()
        if any(line in source for line in explanations)
        for mutant in mutants_of(file, source)
    }
    return [f"{line}: {after}" for line, changes in explanations.items() for after in changes if (line, after) not in made]
