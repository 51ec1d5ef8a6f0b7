"""What an ECS service that was there before Slipway is called, part by part."""

from typing import Annotated

from slipway.manifests.fields import Section, Words


class Adopted(Section):
    """An ECS service that somebody else made, and that became slot a.

    `slipway adopt` writes it. What it names was there before and stays when Slipway
    lets go: without the manifest it is given back, not removed.
    """

    service: Annotated[
        str, Words(r"[A-Za-z0-9_-]{1,255}", "an ECS service's name", 255)
    ]
    """The ECS service's name."""
    container: Annotated[str, Words(r"[A-Za-z0-9_-]{1,255}", "a container's name", 255)]
    """What the service's own container is called, in later releases too."""
    target_groups: tuple[
        Annotated[str, Words(r"[A-Za-z0-9-]{1,32}", "a target group's name", 32)], ...
    ] = ()
    """The target group of `http`, then those of its `additional_rules`, in their order.
    One may stand for several rules; slot b then has one for them, too."""
