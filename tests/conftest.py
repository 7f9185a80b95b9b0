"""How hypothesis draws examples: the same ones on every run, so that a test that passed yesterday passes today.

To look for new ones, and in the tests of properties at twenty times as many: ``pytest --hypothesis-profile=explore``.
"""

from hypothesis import HealthCheck, settings

ANY_MACHINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("explore", max_examples=2000, **ANY_MACHINE)
settings.register_profile("same", derandomize=True, **ANY_MACHINE)
settings.load_profile("same")
