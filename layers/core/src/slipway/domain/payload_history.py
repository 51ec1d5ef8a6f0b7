"""How payloads changed, version by version; docs/decisions/0008 says what may change.

Whoever changes what a payload holds adds an Upgrade, and samples of the new version:
`python -m tests.e2e.samples` writes them to tests/samples.
"""

from slipway.domain.payloads import Payloads

PAYLOADS = Payloads(upgrades=())
