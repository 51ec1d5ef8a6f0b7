"""A small folder of manifests that holds, for tests to break."""

from collections.abc import Mapping

from slipway.manifests.problems import Problem
from slipway.manifests.reading import Reading, read

ENVIRONMENT = """\
name: dev
account: "111122223333"
region: eu-west-1
vpc: vpc-0a1b2c3d4e5f60718
subnets: [subnet-0a1b2c3d4e5f60711, subnet-0a1b2c3d4e5f60712]
cluster: shop
namespace: shop.internal
log_group: /shop/dev
certificates:
  shop: {arn: "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b"}
load_balancers:
  public:
    scheme: internet-facing
    create: true
    listeners:
      - {port: 80}
      - {port: 443, protocol: https, certificates: [shop]}
  inside:
    scheme: internal
    create: true
    listeners: [{port: 80}]
  wire: {type: network, scheme: internet-facing, create: true}
defaults:
  execution_role: role/slipway/dev/execution
"""
CART = """\
name: cart
image: {location: shop/cart, port: 8080}
"""
ORDERS = """\
name: orders
image: {location: shop/orders, port: 8080}
"""


def folder(files: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """Return the folder, with files that come on top or instead."""
    whole = {
        "environment.yaml": ENVIRONMENT,
        "services/cart.yaml": CART,
        "services/orders.yaml": ORDERS,
    }
    return {file: text.encode() for file, text in {**whole, **(files or {})}.items()}


def reading(files: Mapping[str, str] | None = None) -> Reading:
    """Read the folder."""
    return read(folder(files))


def problems(files: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return what is wrong with it."""
    return reading(files).problems


def cart(more: str) -> dict[str, str]:
    """Return the cart's manifest with lines from its third on."""
    return {"services/cart.yaml": CART + more}


def environment(more: str = "", **instead: str) -> dict[str, str]:
    """Return the environment with lines at its end, or with parts of it replaced."""
    text = ENVIRONMENT
    for old, new in instead.items():
        line = next(x for x in text.splitlines() if x.startswith(f"{old}:"))
        text = text.replace(line, new, 1)
    return {"environment.yaml": text + more}
