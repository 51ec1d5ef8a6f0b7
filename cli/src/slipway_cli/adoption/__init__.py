"""Bringing an ECS service that is there under Slipway."""
