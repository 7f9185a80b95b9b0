"""The ``chainrule`` command, which ties autograd, nn and viz together."""
