"""pytest must not import the programs here, because their engines need not be installed; test_drop_in.py runs them."""

collect_ignore_glob = ["*.py"]
