"""`slipway validate`: offline, every problem a line, an exit code of its own."""

import json
from pathlib import Path

import pytest
from slipway_cli.exits import Exit
from slipway_cli.main import app
from typer.testing import CliRunner, Result

from tests.unit.manifests.folder import CART, folder

WRONG = "cpu: big\ncalls: [order]\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder that holds, and stand beside it; AWS is out of reach."""
    for file, content in folder().items():
        path = tmp_path / "shop" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("boto3.Session", no_aws)
    return Path("shop")


def no_aws(*_: object, **__: object) -> None:
    raise AssertionError("validate asked for AWS")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["validate", *arguments], catch_exceptions=False)


def test_what_holds_is_told_in_short(shop: Path) -> None:
    result = run(str(shop))
    assert result.exit_code == Exit.DONE
    batches = (
        "batches: it has neither http nor nlb, so there are no weights: tasks are "
        "replaced in batches, on their health alone"
    )
    note = (
        "  note: it has no image.healthcheck: a release counts as healthy while its "
        "tasks run"
    )
    assert result.stdout.splitlines() == [
        "environment dev in eu-west-1: 2 services, nothing wrong",
        f"cart: {batches}",
        note,
        f"orders: {batches}",
        note,
    ]
    assert result.stderr == ""


def test_each_problem_is_a_line_that_editors_can_jump_from(shop: Path) -> None:
    (shop / "services" / "cart.yaml").write_text(CART + WRONG)
    (shop / "services" / "mail.yml").write_text("name: mail\n")
    result = run(str(shop))
    assert result.exit_code == Exit.INVALID == 10
    assert result.stdout.splitlines() == [
        (
            "shop/services/cart.yaml:3:1: cpu: big; a whole number of CPU units, 256 "
            "to 16384"
        ),
        (
            "shop/services/mail.yml:1:1: (file): a manifest with another name; "
            "services/NAME.yaml, in no folder beneath"
        ),
    ]
    assert result.stderr == "slipway: 2 problems in 2 files\n"


def test_the_folder_is_the_present_one_unless_it_is_named(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "services" / "cart.yaml").write_text(CART + "cpu: big\n")
    monkeypatch.chdir(shop)
    result = run()
    assert result.stdout.startswith("services/cart.yaml:3:1: cpu: big; ")


def test_programs_get_one_document_of_problems(shop: Path) -> None:
    (shop / "services" / "cart.yaml").write_text(CART + "cpu: big\n")
    result = run(str(shop), "--json")
    assert result.exit_code == Exit.INVALID
    assert json.loads(result.stdout) == {
        "folder": "shop",
        "exit_code": 10,
        "problems": [
            {
                "file": "shop/services/cart.yaml",
                "line": 3,
                "column": 1,
                "field": "cpu",
                "found": "big",
                "allowed": "a whole number of CPU units, 256 to 16384",
            }
        ],
    }
    assert result.stderr == ""


def test_programs_get_one_document_of_what_holds(shop: Path) -> None:
    (shop / "services" / "cart.yaml").write_text(
        CART + "calls: [orders]\nhttp: {load_balancer: inside}\n"
        "environments: {prod: {cpu: 512, memory: 1024}}\n"
    )
    facts = json.loads(run(str(shop), "--json").stdout)
    assert facts["exit_code"] == Exit.DONE
    assert facts["problems"] == []
    assert facts["environment"] == "dev"
    assert facts["other_environments"] == ["prod"]
    cart, orders = facts["services"]
    assert cart == {
        "name": "cart",
        "mode": "canary",
        "reason": "weights move on 1 binding, judged by its load balancers' requests",
        "target_groups": ["dev-cart-a", "dev-cart-b"],
        "notes": [],
    }
    assert (orders["name"], orders["mode"]) == ("orders", "batches")
    assert facts["flows"] == [
        {"source": "cart", "target": "orders", "port": 8080},
        {"source": "load balancer inside", "target": "cart", "port": 8080},
    ]


def test_another_file_may_describe_the_environment(shop: Path) -> None:
    text = (shop / "environment.yaml").read_text()
    prod = text.replace("name: dev", "name: prod").replace("way/dev", "way/prod")
    (shop / "prod.yaml").write_text(prod)
    result = run(str(shop), "--environment-file", "prod.yaml")
    assert result.stdout.startswith("environment prod in eu-west-1: 2 services")


def test_a_folder_without_an_environment_says_so(shop: Path) -> None:
    (shop / "environment.yaml").unlink()
    result = run(str(shop))
    assert result.exit_code == Exit.INVALID
    assert result.stdout == (
        "shop/environment.yaml:1:1: (file): no such file; the file that describes the "
        "environment\n"
    )
    assert result.stderr == "slipway: 1 problem in 1 file\n"


def test_a_folder_that_is_not_there_is_wrong_usage(shop: Path) -> None:
    result = run(str(shop / "nowhere"))
    assert result.exit_code == Exit.USAGE
    assert "does not exist" in result.stderr


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    result = run(str(shop))
    assert result.exit_code == Exit.ERROR
    assert result.stderr == (
        "slipway: shop/environment.yaml cannot be read: Permission denied\n"
    )


def test_the_boutique_of_the_examples_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    result = run("examples/boutique")
    assert result.exit_code == Exit.DONE
    assert "11 services, nothing wrong" in result.stdout
    assert "frontend: canary: " in result.stdout
    assert "checkoutservice: canary: " in result.stdout
    assert result.stdout.count(": batches: ") == 9
