"""The programs here import engines that need not be installed: test_drop_in.py runs them, and pytest must not import them."""

collect_ignore_glob = ["*.py"]
