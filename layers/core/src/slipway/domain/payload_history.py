"""How payloads changed, version by version; docs/decisions/0008 says what may change.

Whoever changes what a payload holds adds an Upgrade, and sample payloads of the new
version to tests/payloads.
"""

from slipway.domain.payloads import Payloads

PAYLOADS = Payloads(upgrades=())
