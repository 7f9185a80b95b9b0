"""How hypothesis draws examples: the same ones on every run, so that a test that passed yesterday passes today.

``for_all`` in strategies.py says how many; the switches of sweeps.py ask for more, or for others.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
