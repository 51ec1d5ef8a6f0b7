"""How payloads changed, version by version; docs/decisions/0008 says what may change.

Whoever changes what a payload holds adds an Upgrade, and samples of the new version:
`python -m tests.e2e.samples` writes them to tests/samples.
"""

from slipway.domain.payloads import Payloads, Upgrade

PAYLOADS = Payloads(
    upgrades=(
        # 2: rollouts queue for their start; those of version 1 begin when they come.
        Upgrade(added={"starts_at": "1970-01-01T00:00:00+00:00"}),
    )
)
