"""How hypothesis draws examples: the same ones on every run, so that a test that passed yesterday passes today.

How many, and others: ``for_all`` in strategies.py, and the switches of sweeps.py.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
