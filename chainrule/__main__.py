"""``python -m chainrule`` is the command ``chainrule``."""

from chainrule.cli import main

main()
