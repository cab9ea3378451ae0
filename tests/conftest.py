"""What all tests share: slow ones run only when they are asked for by their mark."""

from __future__ import annotations

from hypothesis import settings


# The same examples on every machine and day, and no clock: tests share their cores.
settings.register_profile("house", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("house")


def pytest_collection_modifyitems(config, items) -> None:
    """Leave out what is marked slow unless a mark expression speaks of it."""
    if "slow" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
