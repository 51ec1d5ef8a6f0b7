"""How many tasks a share of the traffic needs."""

from math import ceil


def base_tasks(primary_desired: int, min_tasks: int) -> int:
    """Return the tasks that all of a service's traffic needs, at least 1."""
    return max(primary_desired, min_tasks, 1)


def tasks_for(weight_percent: int, base: int) -> int:
    """Return the healthy tasks that `weight_percent` of the traffic needs.

    Rounded up: a share above nothing needs at least one task.
    """
    return ceil(weight_percent * base / 100)
