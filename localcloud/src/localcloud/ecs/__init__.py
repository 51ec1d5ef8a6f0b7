"""ECS on Fargate: services under the rolling controller, tasks, and their events."""

from localcloud.ecs.operations import Ecs

__all__ = ["Ecs"]
