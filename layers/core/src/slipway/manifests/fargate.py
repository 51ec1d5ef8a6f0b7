"""Which sizes Fargate has (Amazon ECS Developer Guide, fargate-tasks-services)."""

from collections.abc import Mapping

_GIB = 1024
MEMORY_MIB: Mapping[int, tuple[int, ...]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: tuple(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: tuple(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: tuple(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: tuple(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: tuple(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: tuple(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""Memory in MiB that a task may have, by its CPU units."""


def offered(cpu: int) -> str:
    """Say which memory goes with some CPU units that Fargate has."""
    sizes = MEMORY_MIB[cpu]
    if len(sizes) <= 3:  # noqa: PLR2004  a few can be listed
        return ", ".join(map(str, sizes))
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"
