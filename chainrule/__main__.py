"""``python -m chainrule``, and the command ``chainrule``."""

import sys

from chainrule.other_autograd import require_own_autograd


def main() -> None:
    """Run the command, or say why it cannot be run here."""
    try:
        require_own_autograd()
    except ImportError as error:
        sys.stderr.write(f"chainrule: {error}\n")
        sys.exit(1)
    from chainrule.cli import main as run

    run()


if __name__ == "__main__":
    main()
