"""Another package that is imported as ``autograd``, HIPS autograd, may stand where chainrule's should: say so, and what to do."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

OF_HIPS = "differential_operators.py"  # a file that HIPS autograd has, and chainrule's has not


def require_own_autograd() -> None:
    """Import ``autograd``, and see whether it is that of chainrule.

    Raises:
        ImportError: if HIPS autograd was imported, or has put its files among those of chainrule.
    """
    try:
        import autograd

        if hasattr(autograd, "Value"):
            return
        reason: Exception | None = None
    except Exception as error:  # files of two packages in one folder may fail in any way
        reason = error
    folder = _folder()
    if folder is not None and (folder / OF_HIPS).exists():
        raise ImportError(
            f"the autograd in {folder} is HIPS autograd, and chainrule has a package of the same name: the two cannot share an "
            "environment. What to do: make an environment for chainrule alone (python -m venv .venv) and install it there; or, if you "
            "do not need HIPS autograd, pip uninstall autograd, and install chainrule once more"
        ) from None
    raise reason or ImportError(f"the autograd in {folder} is not that of chainrule: it has no Value")


def _folder() -> Path | None:
    try:
        spec = find_spec("autograd")
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec and spec.origin else None
