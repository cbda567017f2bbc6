"""How long the property tests of all folders search."""

from hypothesis import HealthCheck, settings

_EVERYWHERE = settings(
    deadline=None,  # two cores shared with other work: a slow example is not a failure
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("default", parent=_EVERYWHERE, max_examples=100)
settings.register_profile("long", parent=_EVERYWHERE, max_examples=700)
settings.load_profile("default")
