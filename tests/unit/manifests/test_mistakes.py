"""Every kind of mistake, with the exact words that a person reads of it."""

from collections.abc import Mapping

import pytest

from tests.unit.manifests.folder import (
    CART,
    ENVIRONMENT,
    ORDERS,
    cart,
    environment,
    problems,
)

HTTP = "http: {load_balancer: public, listener: 443, path: /cart}\n"
GRPC = "name: cart\nimage: {location: shop/cart, port: 8080, protocol: grpc}\n"


def whole(text: str) -> dict[str, str]:
    """Return a manifest of the cart that is written from its first line on."""
    return {"services/cart.yaml": text}


def side(more: str) -> dict[str, str]:
    """Return a manifest of the cart with lines, from its sixth on, about a sidecar."""
    return cart(f"sidecars:\n  proxy:\n    image: envoy:1\n{more}")


MISTAKES = [
    pytest.param(
        whole("name: cart\nimage:\n\tlocation: shop/cart\n"),
        [
            "services/cart.yaml:3:1: (file): a tab; indent by spaces",
        ],
        id="a_tab",
    ),
    pytest.param(
        whole("name: cart: shop\n"),
        [
            (
                "services/cart.yaml:1:11: (file): a second colon in a line, or "
                "a key that is indented too far; put a text with ': ' in it "
                "into quotes, or correct the indentation"
            ),
        ],
        id="a_second_colon",
    ),
    pytest.param(
        whole("name: 'cart\n"),
        [
            ("services/cart.yaml:1:7: (file): a quote that nothing closes; close it"),
        ],
        id="an_unclosed_quote",
    ),
    pytest.param(
        whole("# nothing yet\n"),
        [
            (
                "services/cart.yaml:1:1: (file): nothing is written here; an "
                "empty manifest says nothing"
            ),
        ],
        id="an_empty_file",
    ),
    pytest.param(
        whole("- name: cart\n"),
        [
            "services/cart.yaml:1:1: (file): a list of 1; keys",
        ],
        id="a_list_instead_of_keys",
    ),
    pytest.param(
        whole(CART + ("---\nname: cart\n")),
        [
            (
                "services/cart.yaml:3:1: (file): a second document; one file is "
                "one manifest"
            ),
        ],
        id="two_documents",
    ),
    pytest.param(
        cart("variables: &shared\n  A: b\n"),
        [
            (
                "services/cart.yaml:3:12: (file): the anchor &shared; write the "
                "values out: manifests have no anchors and aliases"
            ),
        ],
        id="an_anchor",
    ),
    pytest.param(
        cart("variables: *shared\n"),
        [
            (
                "services/cart.yaml:3:12: (file): the alias *shared; write the "
                "values out: manifests have no anchors and aliases"
            ),
        ],
        id="an_alias",
    ),
    pytest.param(
        cart("variables: {HOST: !Ref Host}\n"),
        [
            (
                "services/cart.yaml:3:13: variables.HOST: the tag !Ref; values "
                "have no tags in manifests"
            ),
        ],
        id="a_tag",
    ),
    pytest.param(
        cart("<<: {cpu: 256}\n"),
        [
            (
                "services/cart.yaml:3:1: <<: an unknown key; write the keys "
                "out: manifests merge nothing"
            ),
        ],
        id="a_merge_key",
    ),
    pytest.param(
        cart("cpu: 256\nmemory: 512\ncpu: 512\n"),
        [
            (
                "services/cart.yaml:5:1: cpu: the key cpu for the second time; "
                "a key stands once; the first is in line 3"
            ),
        ],
        id="a_duplicate_key",
    ),
    pytest.param(
        whole(
            "name: cart\nimage:\n  location: shop/cart\n  port: 8080\n  port: 8081\n"
        ),
        [
            (
                "services/cart.yaml:5:3: image.port: the key port for the "
                "second time; a key stands once; the first is in line 4"
            ),
        ],
        id="a_nested_duplicate_key",
    ),
    pytest.param(
        cart("variables:\n  ? [a]\n  : b\n"),
        [
            (
                "services/cart.yaml:4:5: variables: a key that is no text; a "
                "key is one word"
            ),
        ],
        id="a_key_that_is_a_list",
    ),
    pytest.param(
        cart("cpu:\n"),
        [
            ('services/cart.yaml:3:1: cpu: nothing; a value; "" is an empty text'),
        ],
        id="a_key_without_value",
    ),
    pytest.param(
        cart("calls:\n  -\n"),
        [
            ('services/cart.yaml:4:4: calls[0]: nothing; a value; "" is an empty text'),
        ],
        id="nothing_in_a_list",
    ),
    pytest.param(
        cart("variables: [[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]\n"),
        [
            (
                "services/cart.yaml:3:31: (file): more than 20 levels; no field "
                "lies so deep"
            ),
        ],
        id="too_deep",
    ),
    pytest.param(
        cart("variables: {A: \x07}\n"),
        [
            (
                "services/cart.yaml:3:16: (file): the unprintable character "
                "U+0007; take it out, or write it as an escape"
            ),
        ],
        id="unprintable",
    ),
    pytest.param(
        cart("storage: {readonly_fs: yes}\n"),
        [
            (
                "services/cart.yaml:3:11: storage.readonly_fs: yes; true or "
                "false, in these words and without quotes"
            ),
        ],
        id="yes_for_true",
    ),
    pytest.param(
        cart("rollout: {supersede: off}\n"),
        [
            (
                "services/cart.yaml:3:11: rollout.supersede: off; true or "
                "false, in these words and without quotes"
            ),
        ],
        id="off_for_false",
    ),
    pytest.param(
        cart('rollout: {supersede: "true"}\n'),
        [
            (
                'services/cart.yaml:3:11: rollout.supersede: the text "true"; '
                "true or false, in these words and without quotes"
            ),
        ],
        id="a_quoted_truth",
    ),
    pytest.param(
        cart("cpu: 0256\n"),
        [
            (
                "services/cart.yaml:3:1: cpu: 0256; a whole number of CPU "
                "units, 256 to 16384, in plain decimal digits and without "
                "quotes"
            ),
        ],
        id="an_octal_number",
    ),
    pytest.param(
        cart("memory: 1_024\n"),
        [
            (
                "services/cart.yaml:3:1: memory: 1_024; a whole number of MiB, "
                "512 to 122880, in plain decimal digits and without quotes"
            ),
        ],
        id="a_number_with_underscores",
    ),
    pytest.param(
        cart("stop_timeout: 0x1e\n"),
        [
            (
                "services/cart.yaml:3:1: stop_timeout: 0x1e; a duration such as "
                "45s, 2m or 1h30m, 2 to 120 s"
            ),
        ],
        id="a_hexadecimal_number",
    ),
    pytest.param(
        cart("stop_timeout: 1:30\n"),
        [
            (
                "services/cart.yaml:3:1: stop_timeout: 1:30; a duration such as "
                "45s, 2m or 1h30m, 2 to 120 s"
            ),
        ],
        id="a_sexagesimal_duration",
    ),
    pytest.param(
        cart('cpu: "256"\n'),
        [
            (
                'services/cart.yaml:3:1: cpu: the text "256"; a whole number of '
                "CPU units, 256 to 16384, in plain decimal digits and without "
                "quotes"
            ),
        ],
        id="a_quoted_number",
    ),
    pytest.param(
        cart("varaibles: {A: b}\n"),
        [
            (
                "services/cart.yaml:3:1: varaibles: an unknown key; did you "
                "mean variables? there are adopted, calls, command, count, cpu, "
                "entrypoint, environments, execution_role, http, image, "
                "logging, memory, name, network, nlb, platform, rollout, "
                "secrets, sidecars, stop_timeout, storage, tags, task_role, "
                "variables"
            ),
        ],
        id="an_unknown_key_with_a_near_name",
    ),
    pytest.param(
        whole("name: cart\nimage:\n  location: shop/cart\n  prot: 8080\n"),
        [
            (
                "services/cart.yaml:4:3: image.prot: an unknown key; did you "
                "mean port? there are depends_on, healthcheck, location, port, "
                "protocol, tag"
            ),
        ],
        id="an_unknown_key_deep_down",
    ),
    pytest.param(
        cart("storage: {xyz: 1}\n"),
        [
            (
                "services/cart.yaml:3:11: storage.xyz: an unknown key; there "
                "are ephemeral, readonly_fs, volumes"
            ),
        ],
        id="an_unknown_key_without_near_name",
    ),
    pytest.param(
        whole("name: cart\nimage: {port: 8080}\n"),
        [
            (
                "services/cart.yaml:2:1: image.location: missing; it must be "
                "given: The ECR repository, without a tag"
            ),
        ],
        id="a_missing_key",
    ),
    pytest.param(
        whole("name: cart\n"),
        [
            (
                "services/cart.yaml:1:1: image: missing; it must be given: The "
                "image that rolls out, and how its container is reached"
            ),
        ],
        id="a_missing_section",
    ),
    pytest.param(
        cart("cpu: small\n"),
        [
            (
                "services/cart.yaml:3:1: cpu: small; a whole number of CPU "
                "units, 256 to 16384"
            ),
        ],
        id="a_text_instead_of_a_number",
    ),
    pytest.param(
        cart("storage: {ephemeral: 250}\n"),
        [
            (
                "services/cart.yaml:3:11: storage.ephemeral: 250; a whole "
                "number of GiB, 20 to 200"
            ),
        ],
        id="a_number_out_of_bounds",
    ),
    pytest.param(
        cart("storage: {ephemeral: 10}\n"),
        [
            (
                "services/cart.yaml:3:11: storage.ephemeral: 10; a whole number "
                "of GiB, 20 to 200"
            ),
        ],
        id="too_little_storage",
    ),
    pytest.param(
        cart("platform: [linux/arm64]\n"),
        [
            (
                "services/cart.yaml:3:1: platform: a list of 1; linux/x86_64, "
                "linux/amd64 or linux/arm64"
            ),
        ],
        id="a_list_instead_of_a_text",
    ),
    pytest.param(
        cart("platform: linux/arm\n"),
        [
            (
                "services/cart.yaml:3:1: platform: linux/arm; did you mean "
                "linux/arm64? linux/x86_64, linux/amd64 or linux/arm64"
            ),
        ],
        id="a_wrong_choice_with_a_near_one",
    ),
    pytest.param(
        cart("calls: orders\n"),
        [
            "services/cart.yaml:3:1: calls: orders; a list",
        ],
        id="a_text_instead_of_a_list",
    ),
    pytest.param(
        cart("storage: 30\n"),
        [
            (
                "services/cart.yaml:3:1: storage: 30; keys (ephemeral, "
                "readonly_fs, volumes)"
            ),
        ],
        id="a_text_instead_of_keys",
    ),
    pytest.param(
        cart("variables: [A=b]\n"),
        [
            "services/cart.yaml:3:1: variables: a list of 1; keys",
        ],
        id="a_list_instead_of_names",
    ),
    pytest.param(
        cart("variables: {1ST: b}\n"),
        [
            (
                "services/cart.yaml:3:13: variables.1ST: the key 1ST; a "
                "variable's name: letters, digits and _, not beginning with a "
                "digit"
            ),
        ],
        id="a_variable_that_is_no_name",
    ),
    pytest.param(
        cart("variables: {A: [b]}\n"),
        [
            "services/cart.yaml:3:13: variables.A: a list of 1; a text",
        ],
        id="a_variable_that_is_a_list",
    ),
    pytest.param(
        cart("stop_timeout: 5m\n"),
        [
            (
                "services/cart.yaml:3:1: stop_timeout: 5m; a duration such as "
                "45s, 2m or 1h30m, 2 to 120 s"
            ),
        ],
        id="a_duration_too_long",
    ),
    pytest.param(
        cart("rollout: {retire_delay: soon}\n"),
        [
            (
                "services/cart.yaml:3:11: rollout.retire_delay: soon; a "
                "duration such as 45s, 2m or 1h30m, 30 to 3600 s"
            ),
        ],
        id="a_duration_that_is_none",
    ),
    pytest.param(
        cart("count: many\n"),
        [
            (
                "services/cart.yaml:3:1: count: many; a whole number of tasks, "
                "or keys (range, cpu_percentage, ...)"
            ),
        ],
        id="a_count_that_is_none",
    ),
    pytest.param(
        cart("count: 0\n"),
        [
            ("services/cart.yaml:3:1: count: 0; a whole number of tasks, 1 to 5000"),
        ],
        id="a_count_of_zero",
    ),
    pytest.param(
        whole("name: cart\nimage: {location: 'shop/cart:v1'}\n"),
        [
            (
                "services/cart.yaml:2:9: image.location: shop/cart:v1; an ECR "
                "repository, such as shop/cart or "
                "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/cart, "
                "without a tag: tag has a pattern for it"
            ),
        ],
        id="an_image_with_a_tag",
    ),
    pytest.param(
        whole("name: cart\nimage: {location: ghcr.io/Shop/cart}\n"),
        [
            (
                "services/cart.yaml:2:9: image.location: ghcr.io/Shop/cart; an "
                "ECR repository, such as shop/cart or "
                "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/cart, "
                "without a tag: tag has a pattern for it"
            ),
        ],
        id="an_image_that_is_not_of_ecr",
    ),
    pytest.param(
        {"services/Cart.yaml": ("name: Cart\nimage: {location: shop/cart}\n")},
        [
            (
                "services/Cart.yaml:1:1: name: Cart; lower-case letters, digits "
                "and single hyphens, beginning with a letter"
            ),
        ],
        id="a_name_in_capitals",
    ),
    pytest.param(
        cart("secrets:\n  KEY: {ssm: a, secretsmanager: b}\n"),
        [
            (
                "services/cart.yaml:4:3: secrets.KEY: keys (ssm, "
                "secretsmanager); one of ssm and secretsmanager"
            ),
        ],
        id="a_secret_from_two_places",
    ),
    pytest.param(
        cart("secrets:\n  KEY: {secretsmanager: 'shop/card-secret:key::'}\n"),
        [
            (
                "services/cart.yaml:4:9: secrets.KEY.secretsmanager: "
                "shop/card-secret:key::; a name that does not end in a hyphen and six "
                "characters, or the secret's whole ARN in ssm: Secrets Manager takes "
                "such an end for the one that it puts behind names itself"
            ),
        ],
        id="a_secret_whose_name_looks_like_the_end_of_an_arn",
    ),
    pytest.param(
        cart(
            "storage:\n  volumes:\n    data:\n      path: /data\n"
            "      efs: {id: fs-0a1b2c3d, root_dir: /a, access_point: fsap-0a1b2c3d}\n"
        ),
        [
            (
                "services/cart.yaml:7:30: storage.volumes.data.efs.root_dir: /a; /, or "
                "no access_point: that has a folder of its own"
            ),
        ],
        id="two_folders_of_an_access_point",
    ),
    pytest.param(
        cart("tags: {'slipway:service': x}\n"),
        [
            (
                "services/cart.yaml:3:8: tags.slipway:service: the key "
                "slipway:service; 1 to 128 letters, digits, spaces and . : / = "
                "+ - @, not beginning with aws: or slipway:"
            ),
        ],
        id="a_tag_of_slipways",
    ),
    pytest.param(
        cart(f"tags: {{{', '.join(f'c{n}: x' for n in range(23))}}}\n")
        | {
            "environment.yaml": ENVIRONMENT
            + f"tags: {{{', '.join(f'e{n}: x' for n in range(23))}}}\n",
        },
        [
            (
                "services/cart.yaml:3:1: tags: 46 tags; at most 45 together with the "
                "environment's"
            ),
        ],
        id="more_tags_than_aws_takes",
    ),
    pytest.param(
        cart("command: echo 'a\n"),
        [
            (
                "services/cart.yaml:3:1: command: echo 'a; a command whose "
                "quotes are closed, or a list"
            ),
        ],
        id="an_open_quote_in_a_command",
    ),
    pytest.param(
        cart("logging: {retention: 2}\n"),
        [
            (
                "services/cart.yaml:3:11: logging.retention: 2; a number of "
                "days that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, "
                "120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, "
                "2922, 3288, 3653"
            ),
        ],
        id="retention_of_two_days",
    ),
    pytest.param(
        cart("type: Backend Service\n"),
        [
            (
                "services/cart.yaml:3:1: type: an unknown key; there are no "
                "types: http and nlb say how a service is reached"
            ),
        ],
        id="copilots_type",
    ),
    pytest.param(
        whole("name: cart\nimage: {build: ./Dockerfile, location: shop/cart}\n"),
        [
            (
                "services/cart.yaml:2:9: image.build: an unknown key; Slipway "
                "rolls out images that are pushed: build it elsewhere, and name "
                "its repository as location"
            ),
        ],
        id="copilots_build",
    ),
    pytest.param(
        cart("count: {range: 1-4, cpu_percentage: 60, spot: 3}\n"),
        [
            (
                "services/cart.yaml:3:41: count.spot: an unknown key; "
                "spot_percentage says how much of it is Spot"
            ),
        ],
        id="copilots_spot",
    ),
    pytest.param(
        cart("task_role: arn:aws:iam::111122223333:role/Admin\n"),
        [
            (
                "services/cart.yaml:3:1: task_role: "
                "arn:aws:iam::111122223333:role/Admin; a role under "
                "role/slipway/ENVIRONMENT/: Slipway hands on no other, for "
                "whoever writes a manifest would have that role's rights"
            ),
        ],
        id="a_role_outside_the_fence",
    ),
    pytest.param(
        cart("task_role: role/Admin\n"),
        [
            (
                "services/cart.yaml:3:1: task_role: role/Admin; a role under "
                "role/slipway/ENVIRONMENT/: Slipway hands on no other, for "
                "whoever writes a manifest would have that role's rights"
            ),
        ],
        id="a_role_without_its_path",
    ),
    pytest.param(
        cart("task_role: role/slipway/prod/cart\n"),
        [
            (
                "services/cart.yaml:3:1: task_role: role/slipway/prod/cart; a "
                "role under role/slipway/dev/, for this is dev"
            ),
        ],
        id="another_environments_role",
    ),
    pytest.param(
        cart("task_role: arn:aws:iam::999999999999:role/slipway/dev/cart\n"),
        [
            (
                "services/cart.yaml:3:1: task_role: "
                "arn:aws:iam::999999999999:role/slipway/dev/cart; a role of the "
                "environment's account 111122223333"
            ),
        ],
        id="another_accounts_role",
    ),
    pytest.param(
        {
            **environment(),
            "environment.yaml": ENVIRONMENT.replace(
                "execution_role: role/slipway/dev/execution", "cpu: 256"
            ),
        },
        [
            (
                "services/cart.yaml:1:1: execution_role: missing; it must be "
                "given, here or in the environment's defaults: Fargate pulls "
                "images and writes logs by it"
            ),
            (
                "services/orders.yaml:1:1: execution_role: missing; it must be "
                "given, here or in the environment's defaults: Fargate pulls "
                "images and writes logs by it"
            ),
        ],
        id="no_execution_role",
    ),
    pytest.param(
        cart("cpu: 1024\nmemory: 1024\n"),
        [
            (
                "services/cart.yaml:4:1: memory: 1024; MiB that Fargate has for "
                "cpu 1024: 2048 to 8192 in steps of 1024"
            ),
        ],
        id="an_impossible_pair",
    ),
    pytest.param(
        cart("cpu: 8192\nmemory: 17408\n"),
        [
            (
                "services/cart.yaml:4:1: memory: 17408; MiB that Fargate has "
                "for cpu 8192: 16384 to 61440 in steps of 4096"
            ),
        ],
        id="a_memory_between_sizes",
    ),
    pytest.param(
        cart("cpu: 300\n"),
        [
            (
                "services/cart.yaml:3:1: cpu: 300; CPU units that Fargate has: "
                "256, 512, 1024, 2048, 4096, 8192, 16384"
            ),
        ],
        id="a_cpu_that_there_is_not",
    ),
    pytest.param(
        cart("count: {range: {min: 5, max: 3}, cpu_percentage: 60}\n"),
        [
            ("services/cart.yaml:3:9: count.range: 5 to 3; min is at most max"),
        ],
        id="min_above_max",
    ),
    pytest.param(
        cart("count: {range: 2-4}\n"),
        [
            (
                "services/cart.yaml:3:9: count.range: 2-4; a range of one "
                "number, or something to scale by: cpu_percentage, "
                "memory_percentage, requests or schedule"
            ),
        ],
        id="a_range_without_a_reason",
    ),
    pytest.param(
        cart("count: {range: 2-2, spot_percentage: 50}\n"),
        [
            (
                "services/cart.yaml:3:21: count.spot_percentage: 50; "
                "FARGATE_SPOT among the environment's capacity_providers"
            ),
        ],
        id="spot_without_its_provider",
    ),
    pytest.param(
        cart("count: {range: 2-2, spot_percentage: 150}\n"),
        [
            (
                "services/cart.yaml:3:21: count.spot_percentage: 150; a whole "
                "number of percent, 0 to 100"
            ),
        ],
        id="a_spot_share_out_of_bounds",
    ),
    pytest.param(
        cart("count: {range: {min: 1, max: 2, spot_from: 3}, cpu_percentage: 60}\n"),
        [
            ("services/cart.yaml:3:33: count.range.spot_from: 3; at most max, 2"),
        ],
        id="spot_from_beyond_max",
    ),
    pytest.param(
        cart("count: {range: 2-4, requests: 100}\n"),
        [
            (
                "services/cart.yaml:3:21: count.requests: requests without "
                "http; cpu_percentage or memory_percentage, or an http binding, "
                "whose requests are counted"
            ),
        ],
        id="requests_without_http",
    ),
    pytest.param(
        cart(
            "rollout:\n"
            "  steps:\n"
            "    - {weight: 50, bake: 5m}\n"
            "    - {weight: 10, bake: 5m}\n"
            "    - {weight: 100, bake: 5m}\n"
        ),
        [
            (
                "services/cart.yaml:4:3: rollout.steps: weights 50, 10, 100; "
                "steps must rise from 1 to 100 %, not [50, 10, 100]"
            ),
        ],
        id="steps_that_fall",
    ),
    pytest.param(
        cart(
            "rollout:\n"
            "  steps:\n"
            "    - {weight: 10, bake: 5m}\n"
            "    - {weight: 50, bake: 5m}\n"
        ),
        [
            (
                "services/cart.yaml:6:8: rollout.steps[1].weight: 50; the last "
                "step has weight 100"
            ),
        ],
        id="steps_that_do_not_end_in_100",
    ),
    pytest.param(
        cart("rollout:\n  steps: [{weight: 0, bake: 5m}]\n"),
        [
            (
                "services/cart.yaml:4:12: rollout.steps[0].weight: 0; a whole "
                "number of percent, 1 to 100"
            ),
        ],
        id="a_step_of_nothing",
    ),
    pytest.param(
        cart("rollout:\n  steps: [{weight: 100, bake: 0}]\n"),
        [
            (
                "services/cart.yaml:4:25: rollout.steps[0].bake: 0; a duration "
                "such as 45s, 2m or 1h30m, 1 s or more"
            ),
        ],
        id="a_bake_of_nothing",
    ),
    pytest.param(
        cart("rollout: {steps: []}\n"),
        [
            ("services/cart.yaml:3:11: rollout.steps: an empty list; at least 1"),
        ],
        id="no_steps",
    ),
    pytest.param(
        cart("rollout: {judge: {min_requests: 0}}\n"),
        [
            (
                "services/cart.yaml:3:19: rollout.judge.min_requests: 0; a "
                "whole number of requests, 1 or more"
            ),
        ],
        id="proof_by_silence",
    ),
    pytest.param(
        cart("rollout: {look: 10m}\n"),
        [
            (
                "services/cart.yaml:3:11: rollout.look: 10m; a duration such as "
                "45s, 2m or 1h30m, 1 to 300 s"
            ),
        ],
        id="a_look_that_is_too_rare",
    ),
    pytest.param(
        cart("rollout: {retire_delay: 10s}\n"),
        [
            (
                "services/cart.yaml:3:11: rollout.retire_delay: 10s; a duration "
                "such as 45s, 2m or 1h30m, 30 to 3600 s"
            ),
        ],
        id="a_retirement_that_is_too_soon",
    ),
    pytest.param(
        cart("rollout: {window: {opens: 22:22, closes: 22:22}}\n"),
        [
            (
                "services/cart.yaml:3:34: rollout.window.closes: 22:22; another "
                "time than opens"
            ),
        ],
        id="a_window_that_never_opens",
    ),
    pytest.param(
        cart("rollout: {window: {opens: 7:00, closes: 25:00}}\n"),
        [
            (
                "services/cart.yaml:3:20: rollout.window.opens: 7:00; a time of "
                "day such as 09:30 or 22:15"
            ),
            (
                "services/cart.yaml:3:33: rollout.window.closes: 25:00; a time "
                "of day such as 09:30 or 22:15"
            ),
        ],
        id="a_time_of_day_that_there_is_not",
    ),
    pytest.param(
        cart("rollout: {strategy: canary}\n"),
        [
            (
                "services/cart.yaml:3:11: rollout.strategy: canary; http or nlb "
                "beside it, whose weights it moves, or batches: the registry "
                "alone has no weights"
            ),
        ],
        id="a_canary_without_weights",
    ),
    pytest.param(
        whole(GRPC + HTTP),
        [
            (
                "services/cart.yaml:2:42: image.protocol: grpc; a canary on "
                "gRPC is judged by a metric of the application's own, for "
                "failures hide in answers with HTTP 200: give "
                "rollout.judge.metric, or say rollout.strategy: batches"
            ),
        ],
        id="a_grpc_canary_without_a_metric",
    ),
    pytest.param(
        cart("nlb: {port: 6379}\nrollout: {strategy: canary}\n"),
        [
            (
                "services/cart.yaml:3:1: nlb: no metric; a canary behind a "
                "Network Load Balancer alone is judged by a metric of the "
                "application's own, for it counts connections and no answers: "
                "give rollout.judge.metric, or say rollout.strategy: batches"
            ),
        ],
        id="an_nlb_canary_without_a_metric",
    ),
    pytest.param(
        cart("nlb: {port: 6379}\nrollout: {retire_delay: 599s}\n"),
        [
            (
                "services/cart.yaml:4:11: rollout.retire_delay: 599s; 600 s or more "
                "behind a Network Load Balancer, which may act on old weights for so "
                "long"
            ),
        ],
        id="an_old_release_that_goes_while_connections_come",
    ),
    pytest.param(
        whole(
            "name: cart\n"
            "image: {location: shop/cart, port: 8080, protocol: tcp}\n"
            "nlb: {port: 6379, healthcheck: /ready}\n"
        ),
        [
            (
                "services/cart.yaml:3:19: nlb.healthcheck: /ready; path and port, "
                "of what speaks HTTP there: a service that speaks tcp is asked whether "
                "it can be connected to"
            ),
        ],
        id="a_path_of_a_service_that_speaks_no_http",
    ),
    pytest.param(
        cart(
            "rollout:\n"
            "  judge: {metric: {namespace: AWS/ECS, requests: a, failures: b}}\n"
        ),
        [
            (
                "services/cart.yaml:4:20: rollout.judge.metric.namespace: "
                "AWS/ECS; a namespace of your own, not one of AWS/"
            ),
        ],
        id="a_metric_of_aws",
    ),
    pytest.param(
        cart(
            "rollout:\n"
            "  judge:\n"
            "    metric:\n"
            "      namespace: shop\n"
            "      requests: asked\n"
            "      failures: asked\n"
        ),
        [
            (
                "services/cart.yaml:8:7: rollout.judge.metric.failures: asked; "
                "another metric than requests"
            ),
        ],
        id="requests_that_are_failures",
    ),
    pytest.param(
        cart(
            "rollout:\n"
            "  judge:\n"
            "    metric:\n"
            "      namespace: shop\n"
            '      requests: ""\n'
            '      failures: ":failed"\n'
            '      dimensions: {" Zone": a, Kind: ""}\n'
        ),
        [
            (
                "services/cart.yaml:7:7: rollout.judge.metric.requests: an empty text; "
                "ASCII text that begins neither with a space nor with a colon"
            ),
            (
                "services/cart.yaml:8:7: rollout.judge.metric.failures: :failed; "
                "ASCII text that begins neither with a space nor with a colon"
            ),
            (
                "services/cart.yaml:9:20: rollout.judge.metric.dimensions. Zone: the "
                "key  Zone; ASCII text that begins neither with a space nor with a "
                "colon"
            ),
            (
                "services/cart.yaml:9:32: rollout.judge.metric.dimensions.Kind: an "
                "empty text; ASCII text that does not begin with a space"
            ),
        ],
        id="names_that_no_metric_has",
    ),
    pytest.param(
        cart(
            "rollout:\n"
            "  judge:\n"
            "    metric:\n"
            "      namespace: shop\n"
            "      requests: asked\n"
            "      failures: failed\n"
            "      dimensions: {ServiceName: cart}\n"
        ),
        [
            (
                "services/cart.yaml:9:20: rollout.judge.metric.dimensions.ServiceName: "
                "cart; other dimensions than ServiceName, which has the name of each "
                "slot's ECS service"
            ),
        ],
        id="a_slots_dimension_that_is_given",
    ),
    pytest.param(
        side("    port: 8080\n"),
        [
            (
                "services/cart.yaml:6:5: sidecars.proxy.port: 8080, the port of "
                "cart; each port of a task is one container's"
            ),
        ],
        id="a_clash_of_ports",
    ),
    pytest.param(
        cart("sidecars:\n  cart:\n    image: envoy:1\n"),
        [
            (
                "services/cart.yaml:4:3: sidecars.cart: the name cart; another "
                "name than the service's, which its own container has"
            ),
        ],
        id="a_sidecar_named_as_the_service",
    ),
    pytest.param(
        side("    cpu: 300\n"),
        [
            (
                "services/cart.yaml:3:1: sidecars: 300 CPU units; at most the "
                "task's cpu, 256, for all sidecars together"
            ),
        ],
        id="too_much_cpu_for_sidecars",
    ),
    pytest.param(
        side("    memory: 600\n"),
        [
            (
                "services/cart.yaml:3:1: sidecars: 600 MiB; at most the task's "
                "memory, 512, for all sidecars together"
            ),
        ],
        id="too_much_memory_for_sidecars",
    ),
    pytest.param(
        side("    depends_on: {carts: start}\n"),
        [
            (
                "services/cart.yaml:6:18: sidecars.proxy.depends_on.carts: the "
                "container carts; did you mean cart? another container of the "
                "task: cart"
            ),
        ],
        id="waiting_for_nobody",
    ),
    pytest.param(
        side("    depends_on: {cart: healthy}\n"),
        [
            (
                "services/cart.yaml:6:18: sidecars.proxy.depends_on.cart: "
                "healthy; start, or a healthcheck of cart: without one it is "
                "never healthy"
            ),
        ],
        id="waiting_for_health_that_nobody_checks",
    ),
    pytest.param(
        whole(
            "name: cart\n"
            "image:\n"
            "  location: shop/cart\n"
            "  depends_on: {setup: success}\n"
            "sidecars:\n"
            "  setup: {image: setup:1}\n"
        ),
        [
            (
                "services/cart.yaml:4:16: image.depends_on.setup: success; "
                "start or healthy, or essential: false for setup: the task ends "
                "when an essential container does"
            ),
        ],
        id="waiting_for_the_end_of_an_essential_container",
    ),
    pytest.param(
        whole(
            "name: cart\n"
            "image:\n"
            "  location: shop/cart\n"
            "  depends_on: {proxy: start}\n"
            "sidecars:\n"
            "  proxy:\n"
            "    image: envoy:1\n"
            "    depends_on: {cart: start}\n"
        ),
        [
            (
                "services/cart.yaml:4:3: image.depends_on: cart, proxy, which "
                "wait in a circle; containers wait for each other in one "
                "direction"
            ),
        ],
        id="containers_that_wait_in_a_circle",
    ),
    pytest.param(
        side("    depends_on: {cart: start}\n    linger: 30s\n"),
        [
            (
                "services/cart.yaml:7:5: sidecars.proxy.linger: 30s; less than "
                "its stop_timeout, 30 s: then it is killed"
            ),
        ],
        id="lingering_longer_than_it_may",
    ),
    pytest.param(
        side("    linger: 10s\n"),
        [
            (
                "services/cart.yaml:6:5: sidecars.proxy.linger: linger without "
                "depends_on; depends_on with the container whose SIGTERM it "
                "holds back, such as cart: containers stop in the reverse order "
                "of their start"
            ),
        ],
        id="lingering_for_nobody",
    ),
    pytest.param(
        side("    mount_points: [{source_volume: data, path: /data}]\n"),
        [
            (
                "services/cart.yaml:6:21: "
                "sidecars.proxy.mount_points[0].source_volume: data; a volume "
                "of storage.volumes: none"
            ),
        ],
        id="a_volume_that_there_is_not",
    ),
    pytest.param(
        cart("variables: {KEY: a}\nsecrets: {KEY: /cart/key}\n"),
        [
            (
                "services/cart.yaml:4:11: secrets.KEY: KEY, which is in "
                "variables too; a name in one of variables and secrets"
            ),
        ],
        id="a_variable_that_is_a_secret_too",
    ),
    pytest.param(
        cart(
            "http:\n"
            "  load_balancer: public\n"
            "  listener: 80\n"
            "  path: /\n"
            "  healthcheck: {interval: 5s, timeout: 5s}\n"
        ),
        [
            (
                "services/cart.yaml:7:31: http.healthcheck.timeout: 5s; less "
                "than the interval, 5 s"
            ),
        ],
        id="a_health_check_slower_than_its_interval",
    ),
    pytest.param(
        cart(
            "http: {load_balancer: public, listener: 80, path: /, "
            "deregistration_delay: 2h}\n"
        ),
        [
            (
                "services/cart.yaml:3:54: http.deregistration_delay: 2h; a "
                "duration such as 45s, 2m or 1h30m, 0 to 3600 s"
            ),
        ],
        id="a_deregistration_delay_too_long",
    ),
    pytest.param(
        cart("http: {load_balancer: inside, alias: [a.b, c.d, e.f, g.h]}\n"),
        [
            (
                "services/cart.yaml:3:31: http.alias: a list of 4; at most 3 "
                "hosts a rule"
            ),
        ],
        id="too_many_hosts",
    ),
    pytest.param(
        cart(
            "http: {load_balancer: inside, path: api, alias: [a.b, c.d], "
            "headers: {X-A: [a, b]}}\n"
        ),
        [
            (
                "services/cart.yaml:3:1: http: 6 values; at most 5 hosts, path "
                "patterns and header values a rule; a path without * counts "
                "twice"
            ),
        ],
        id="too_many_values",
    ),
    pytest.param(
        cart("http: {load_balancer: inside, path: '/*/*/*/*/*/*'}\n"),
        [
            ("services/cart.yaml:3:1: http: 6 wildcards; at most 5 of * and ? a rule"),
        ],
        id="too_many_wildcards",
    ),
    pytest.param(
        cart("http: {load_balancer: pubic, path: /}\n"),
        [
            (
                "services/cart.yaml:3:8: http.load_balancer: pubic, which there "
                "is not; did you mean public? an Application Load Balancer of "
                "the environment: inside, public"
            ),
        ],
        id="a_load_balancer_that_there_is_not",
    ),
    pytest.param(
        cart("http: {path: /}\n"),
        [
            (
                "services/cart.yaml:3:1: http.load_balancer: missing; an "
                "Application Load Balancer of the environment: inside, public"
            ),
        ],
        id="no_load_balancer_said_of_two",
    ),
    pytest.param(
        cart("http: {load_balancer: wire, path: /}\n"),
        [
            (
                "services/cart.yaml:3:8: http.load_balancer: wire, a Network "
                "Load Balancer; an Application Load Balancer of the "
                "environment: inside, public; nlb is for one like wire"
            ),
        ],
        id="http_on_a_network_load_balancer",
    ),
    pytest.param(
        cart("nlb: {load_balancer: public, port: 443}\nrollout: {strategy: batches}\n"),
        [
            (
                "services/cart.yaml:3:7: nlb.load_balancer: public, an "
                "Application Load Balancer; a Network Load Balancer of the "
                "environment: wire; http is for one like public"
            ),
        ],
        id="nlb_on_an_application_load_balancer",
    ),
    pytest.param(
        cart("nlb: {port: 6379, alias: shop.example}\nrollout: {strategy: batches}\n"),
        [
            (
                "services/cart.yaml:3:19: nlb.alias: an unknown key; a Network "
                "Load Balancer passes connections on and reads no requests, so "
                "it has no rules: use http with an Application Load Balancer, "
                "or leave it out"
            ),
        ],
        id="nlb_with_a_host_rule",
    ),
    pytest.param(
        cart("nlb: {port: 53/udp}\nrollout: {strategy: batches}\n"),
        [
            (
                "services/cart.yaml:3:7: nlb.port: 53/udp; a port and its "
                "protocol, such as 443/tls or 80/tcp"
            ),
        ],
        id="nlb_with_udp",
    ),
    pytest.param(
        cart("nlb: {port: 443/tls}\nrollout: {strategy: batches}\n"),
        [
            (
                "services/cart.yaml:3:7: nlb.port: 443/tls; a certificate goes "
                "with /tls, and /tls with one"
            ),
        ],
        id="nlb_with_tls_and_no_certificate",
    ),
    pytest.param(
        cart(
            "nlb: {port: 443/tls, certificate: shopp}\nrollout: {strategy: batches}\n"
        ),
        [
            (
                "services/cart.yaml:3:22: nlb.certificate: shopp; did you mean "
                "shop? a name in the environment's certificates: shop"
            ),
        ],
        id="nlb_with_an_unknown_certificate",
    ),
    pytest.param(
        cart("http: {load_balancer: public, listener: 8443, path: /}\n"),
        [
            (
                "services/cart.yaml:3:31: http.listener: 8443; a port on which "
                "public listens: 80, 443"
            ),
        ],
        id="a_listener_that_there_is_not",
    ),
    pytest.param(
        cart("http: {load_balancer: public, path: /}\n"),
        [
            (
                "services/cart.yaml:3:1: http.listener: missing; a port on "
                "which public listens: 80, 443"
            ),
        ],
        id="no_listener_said_of_two",
    ),
    pytest.param(
        cart("http: {load_balancer: public, listener: 80}\n"),
        [
            (
                "services/cart.yaml:3:1: http: no condition; path, alias or "
                "headers: without them it would get every request of public; "
                "path: / says so, where it is meant"
            ),
        ],
        id="no_condition_in_public",
    ),
    pytest.param(
        whole(
            "name: cart\n"
            "image: {location: shop/cart, port: 6379, protocol: tcp}\n"
            "http: {load_balancer: inside}\n"
        ),
        [
            (
                "services/cart.yaml:2:42: image.protocol: tcp; http, http2 or "
                "grpc, or nlb instead of http: an Application Load Balancer "
                "reads requests"
            ),
        ],
        id="tcp_behind_an_application_load_balancer",
    ),
    pytest.param(
        whole(
            "name: cart\n"
            "image: {location: shop/cart, port: 80, protocol: http2}\n"
            "http: {load_balancer: inside}\n"
        ),
        [
            (
                "services/cart.yaml:3:1: http: protocol http2; an https "
                "listener for http2: port 80 of inside is http"
            ),
        ],
        id="http2_from_a_listener_without_tls",
    ),
    pytest.param(
        whole(
            "name: cart\nimage: {location: shop/cart}\nhttp: {load_balancer: inside}\n"
        ),
        [
            (
                "services/cart.yaml:2:1: image.port: missing; it must be given: "
                "http sends traffic there"
            ),
        ],
        id="traffic_without_a_port",
    ),
    pytest.param(
        cart(
            "http:\n"
            "  load_balancer: inside\n"
            "  path: /0\n"
            "  additional_rules:\n"
            "    - {path: /1}\n"
            "    - {path: /2}\n"
            "    - {path: /3}\n"
            "    - {path: /4}\n"
            "    - {path: /5}\n"
        ),
        [
            (
                "services/cart.yaml:3:1: http: 6 bindings; at most 5: an ECS "
                "service has that many target groups"
            ),
        ],
        id="six_bindings",
    ),
    pytest.param(
        cart("calls: [order]\n"),
        [
            (
                "services/cart.yaml:3:9: calls[0]: order, which there is not; "
                "did you mean orders? services of this folder: orders"
            ),
        ],
        id="an_unknown_callee",
    ),
    pytest.param(
        cart("calls: [cart]\n"),
        [
            (
                "services/cart.yaml:3:9: calls[0]: cart, the service itself; "
                "other services: one that calls itself needs no leave for it"
            ),
        ],
        id="a_service_that_calls_itself",
    ),
    pytest.param(
        cart("calls: [orders, orders]\n"),
        [
            ("services/cart.yaml:3:17: calls[1]: orders again; each stands once"),
        ],
        id="a_callee_named_twice",
    ),
    pytest.param(
        {
            **cart("calls: [orders]\n"),
            "services/orders.yaml": ("name: orders\nimage: {location: shop/orders}\n"),
        },
        [
            (
                "services/cart.yaml:3:9: calls[0]: orders; a service with "
                "image.port: orders listens nowhere"
            ),
        ],
        id="a_callee_without_a_port",
    ),
    pytest.param(
        {
            **cart("calls: [orders]\n"),
            "environment.yaml": ENVIRONMENT.replace("namespace: shop.internal\n", ""),
        },
        [
            (
                "services/cart.yaml:3:9: calls[0]: orders; a service that can "
                "be found: orders has neither http nor nlb, and the environment "
                "no namespace"
            ),
        ],
        id="a_callee_that_cannot_be_found",
    ),
    pytest.param(
        whole("name: basket\nimage: {location: shop/cart}\n"),
        [
            ("services/cart.yaml:1:1: name: basket; cart, as the file is called"),
        ],
        id="a_name_unlike_the_files",
    ),
    pytest.param(
        whole("name: orders\nimage: {location: shop/cart}\n"),
        [
            (
                "services/cart.yaml:1:1: name: orders; cart, as the file is "
                "called; orders is the name of services/orders.yaml"
            ),
        ],
        id="a_name_that_another_has",
    ),
    pytest.param(
        {
            "services/recommendations-and-more-xy.yaml": (
                "name: recommendations-and-more-xy\nimage: {location: shop/x}\n"
            )
        },
        [
            (
                "services/recommendations-and-more-xy.yaml:1:1: name: "
                "recommendations-and-more-xy, 27 characters; at most 26 "
                "characters: target groups such as "
                "dev-recommendations-and-more-xy-a have at most 32"
            ),
        ],
        id="a_name_too_long",
    ),
    pytest.param(
        {
            **cart(HTTP),
            "services/orders.yaml": ORDERS + HTTP.replace("/cart", "/cart/"),
        },
        [
            (
                "services/orders.yaml:3:1: http: conditions that cart has; "
                "other hosts, paths or headers: these are cart's at port 443 of "
                "public"
            ),
        ],
        id="the_same_rule_twice",
    ),
    pytest.param(
        cart(
            "http:\n"
            "  load_balancer: inside\n"
            "  path: /a\n"
            "  additional_rules: [{path: /a/}]\n"
        ),
        [
            (
                "services/cart.yaml:6:22: http.additional_rules[0]: conditions "
                "of another rule of this service; each rule at port 80 of "
                "inside has conditions of its own"
            ),
        ],
        id="the_same_rule_in_one_service",
    ),
    pytest.param(
        {
            **cart("http: {load_balancer: inside, priority: 7}\n"),
            "services/orders.yaml": ORDERS
            + "http: {load_balancer: inside, priority: 7}\n",
        },
        [
            (
                "services/orders.yaml:3:31: http.priority: 7, which cart has; a "
                "priority that no other rule at port 80 of inside has"
            ),
        ],
        id="the_same_priority_twice",
    ),
    pytest.param(
        {
            **cart("nlb: {port: 6379}\nrollout: {strategy: batches}\n"),
            "services/orders.yaml": ORDERS
            + ("nlb: {port: 6379/tcp}\nrollout: {strategy: batches}\n"),
        },
        [
            (
                "services/orders.yaml:3:7: nlb.port: 6379, which wire has for "
                "cart; each port of a Network Load Balancer is one service's"
            ),
        ],
        id="the_same_nlb_port_twice",
    ),
    pytest.param(
        {"environment.yaml": ENVIRONMENT.replace("{type: network,", "{type: classic,")},
        [
            (
                "environment.yaml:22:10: load_balancers.wire.type: classic; "
                "application or network: a Classic Load Balancer sends to "
                "instances, and a Fargate task is not one, it has an address of "
                "its own"
            ),
        ],
        id="a_classic_load_balancer",
    ),
    pytest.param(
        {"environment.yaml": ENVIRONMENT.replace("{type: network,", "{type: gateway,")},
        [
            (
                "environment.yaml:22:10: load_balancers.wire.type: gateway; "
                "application or network: a Gateway Load Balancer sends raw "
                "packets to appliances, and services whose tasks have addresses "
                "of their own, as on Fargate, cannot be behind one"
            ),
        ],
        id="a_gateway_load_balancer",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                "wire: {type: network, scheme: internet-facing, create: true}",
                (
                    "wire: {scheme: internal, arn: 'arn:aws:elasticloadbalancing:"
                    "eu-west-1:111122223333:loadbalancer/old', listeners: [{port: 80}]}"
                ),
            )
        },
        [
            (
                "environment.yaml:22:28: load_balancers.wire.arn: arn:aws:"
                "elasticloadbalancing:eu-west-1:111122223333:loadbalancer/old; "
                "application or network: a Classic Load Balancer sends to "
                "instances, and a Fargate task is not one, it has an address "
                "of its own"
            ),
        ],
        id="a_classic_load_balancers_arn",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                "wire: {type: network, scheme: internet-facing, create: true}",
                (
                    "wire: {type: network, scheme: internal, arn: 'arn:aws:"
                    "elasticloadbalancing:eu-west-1:111122223333:"
                    "loadbalancer/app/old/1a'}"
                ),
            )
        },
        [
            (
                "environment.yaml:22:3: load_balancers.wire: keys (type, "
                "scheme, arn); the ARN of a load balancer of type network"
            ),
        ],
        id="a_load_balancer_of_another_type",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                "wire: {type: network, scheme: internet-facing, create: true}",
                (
                    "wire: {type: network, scheme: internal, arn: 'arn:aws:"
                    "elasticloadbalancing:us-east-1:111122223333:"
                    "loadbalancer/net/old/1a'}"
                ),
            )
        },
        [
            (
                "environment.yaml:22:43: load_balancers.wire.arn: arn:aws:"
                "elasticloadbalancing:us-east-1:111122223333:"
                "loadbalancer/net/old/1a; a load balancer in the environment's "
                "region eu-west-1"
            ),
        ],
        id="a_load_balancer_in_another_region",
    ),
    pytest.param(
        {"environment.yaml": ENVIRONMENT.replace(", create: true}", "}")},
        [
            (
                "environment.yaml:22:3: load_balancers.wire: keys (type, "
                "scheme); one of arn and create: true"
            ),
        ],
        id="a_load_balancer_from_nowhere",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                ", create: true}", ", create: true, listeners: [{port: 80}]}"
            )
        },
        [
            (
                "environment.yaml:22:64: load_balancers.wire.listeners: a list "
                "of 1; a Network Load Balancer's ports are the services' own: "
                "give them as nlb.port there"
            ),
        ],
        id="listeners_of_a_network_load_balancer",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                "    listeners: [{port: 80}]\n",
                "    listeners: [{port: 80}, {port: 80}]\n",
            )
        },
        [
            (
                "environment.yaml:21:30: "
                "load_balancers.inside.listeners[1].port: 80; each port has one "
                "listener"
            ),
        ],
        id="two_listeners_on_a_port",
    ),
    pytest.param(
        {"environment.yaml": ENVIRONMENT.replace(", certificates: [shop]}", "}")},
        [
            (
                "environment.yaml:17:9: "
                "load_balancers.public.listeners[1].certificates: missing; an "
                "https listener that is made has certificates"
            ),
        ],
        id="https_without_a_certificate",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                "certificates: [shop]", "certificates: [shopp]"
            )
        },
        [
            (
                "environment.yaml:17:53: "
                "load_balancers.public.listeners[1].certificates[0]: shopp; did "
                "you mean shop? a name in the environment's certificates: shop"
            ),
        ],
        id="a_certificate_that_there_is_not",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                "111122223333:certificate", "444455556666:certificate"
            )
        },
        [
            (
                "environment.yaml:10:10: certificates.shop.arn: arn:aws:acm:eu-west-1:"
                "444455556666:certificate/0a1b; a certificate in the environment's "
                "account 111122223333"
            ),
        ],
        id="a_certificate_in_another_account",
    ),
    pytest.param(
        {
            "environment.yaml": ENVIRONMENT.replace(
                '{arn: "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b"}',
                "{create: {domain: shop.example, alternatives: [w_w.shop.example], "
                "hosted_zone: Z0873220N255IR3MTNR4}}",
            )
        },
        [
            (
                "environment.yaml:10:56: certificates.shop.create.alternatives[0]: "
                "w_w.shop.example; a domain name in lower case, such as shop.example "
                "or *.shop.example"
            ),
        ],
        id="a_certificate_for_any_name",
    ),
    pytest.param(
        environment(subnets="subnets: [subnet-0a1b2c3d4e5f60711]"),
        [
            "environment.yaml:5:1: subnets: a list of 1; at least 2",
        ],
        id="one_subnet",
    ),
    pytest.param(
        environment(
            subnets="subnets: [subnet-0a1b2c3d4e5f60711, subnet-0a1b2c3d4e5f60711]"
        ),
        [
            (
                "environment.yaml:5:37: subnets[1]: subnet-0a1b2c3d4e5f60711 "
                "again; each stands once"
            ),
        ],
        id="a_subnet_twice",
    ),
    pytest.param(
        environment(account="account: 11112222333"),
        [
            ("environment.yaml:2:1: account: 11112222333; an AWS account's 12 digits"),
        ],
        id="an_account_that_lost_its_zero",
    ),
    pytest.param(
        environment(region="region: europe"),
        [
            ("environment.yaml:3:1: region: europe; an AWS region such as eu-west-1"),
        ],
        id="an_unknown_region",
    ),
    pytest.param(
        environment("capacity_providers: [FARGATE, SPOT]\n"),
        [
            (
                "environment.yaml:25:31: capacity_providers[1]: SPOT; FARGATE "
                "or FARGATE_SPOT"
            ),
        ],
        id="an_unknown_capacity_provider",
    ),
    pytest.param(
        environment("  cpus: 256\n  stop_timeout: 1s\n"),
        [
            (
                "environment.yaml:25:3: defaults.cpus: an unknown key; did you "
                "mean cpu? there are count, cpu, execution_role, logging, "
                "memory, network, platform, rollout, secrets, sidecars, "
                "stop_timeout, storage, tags, task_role, variables"
            ),
            (
                "environment.yaml:26:3: defaults.stop_timeout: 1s; a duration "
                "such as 45s, 2m or 1h30m, 2 to 120 s"
            ),
        ],
        id="a_wrong_default",
    ),
    pytest.param(
        environment("  cpu: 1024\n  memory: 1024\n"),
        [
            (
                "environment.yaml:26:3: defaults.memory: 1024; MiB that Fargate "
                "has for cpu 1024: 2048 to 8192 in steps of 1024"
            ),
        ],
        id="an_impossible_default",
    ),
    pytest.param(
        cart("environments:\n  dev: {cpu: big}\n"),
        [
            (
                "services/cart.yaml:4:9: environments.dev.cpu: big; a whole "
                "number of CPU units, 256 to 16384"
            ),
        ],
        id="a_wrong_override",
    ),
    pytest.param(
        cart("environments:\n  prod: {count: {rnage: 2-4}}\n"),
        [
            (
                "services/cart.yaml:4:18: environments.prod.count.rnage: an "
                "unknown key; did you mean range? there are cooldown, "
                "cpu_percentage, memory_percentage, range, requests, schedule, "
                "spot_percentage"
            ),
        ],
        id="a_wrong_override_of_another_environment",
    ),
    pytest.param(
        cart("environments:\n  dev: {name: basket}\n"),
        [
            (
                "services/cart.yaml:4:9: environments.dev.name: a change of it; "
                "a service has the same one in all environments"
            ),
        ],
        id="an_override_of_the_name",
    ),
    pytest.param(
        cart("environments: [dev]\n"),
        [
            (
                "services/cart.yaml:3:1: environments: a list of 1; names of "
                "environments, each with keys"
            ),
        ],
        id="overrides_that_are_a_list",
    ),
    pytest.param(
        cart("environments: {dev: 3}\n"),
        [
            ("services/cart.yaml:3:16: environments.dev: 3; keys that it changes"),
        ],
        id="an_override_that_is_a_number",
    ),
    pytest.param(
        cart("cpu: 256\nenvironments:\n  dev: {memory: 8192}\n"),
        [
            (
                "services/cart.yaml:5:9: environments.dev.memory: 8192; MiB "
                "that Fargate has for cpu 256: 512, 1024, 2048"
            ),
        ],
        id="an_override_that_breaks_a_pair",
    ),
    pytest.param(
        cart(
            "http: {load_balancer: public, listener: 80, path: /}\n"
            "adopted: {service: old, container: app}\n"
        ),
        [
            (
                "services/cart.yaml:4:1: adopted.target_groups: missing; 1, "
                "one for http and for each of its additional_rules"
            ),
        ],
        id="an_adopted_service_without_its_group",
    ),
    pytest.param(
        cart(
            "sidecars: {app: {image: 'envoy:v1'}}\n"
            "adopted: {service: old, container: app}\n"
        ),
        [
            (
                "services/cart.yaml:4:25: adopted.container: app; the service's own "
                "container, which is none of its sidecars"
            ),
        ],
        id="an_adopted_container_that_is_a_sidecar",
    ),
    pytest.param(
        cart(
            "http:\n"
            "  load_balancer: public\n"
            "  listener: 80\n"
            "  path: /a\n"
            "  additional_rules:\n"
            "    - {path: /b, listener: 80, deregistration_delay: 5}\n"
            "adopted: {service: old, container: app, target_groups: [tg, tg]}\n"
        ),
        [
            (
                "services/cart.yaml:8:32: http.additional_rules[0]."
                "deregistration_delay: 5; as for http, for both share target group tg"
            ),
        ],
        id="rules_that_share_an_adopted_group_and_differ",
    ),
    pytest.param(
        {"services/mail.yml": "name: mail\n"},
        [
            (
                "services/mail.yml:1:1: (file): a manifest with another name; "
                "services/NAME.yaml, in no folder beneath"
            ),
        ],
        id="a_manifest_called_yml",
    ),
    pytest.param(
        {"services/mail/mail.yaml": "name: mail\n"},
        [
            (
                "services/mail/mail.yaml:1:1: (file): a manifest with another "
                "name; services/NAME.yaml, in no folder beneath"
            ),
        ],
        id="a_manifest_in_a_folder",
    ),
    pytest.param(
        {
            **environment(region="region: europe"),
            "services/cart.yaml": (
                "name: cart\nimage: {location: shop/cart, prot: 1}\ncpu: big\n"
            ),
            "services/orders.yaml": (
                "name: orders\nimage: {location: shop/orders}\nmemory: -1\n"
            ),
        },
        [
            ("environment.yaml:3:1: region: europe; an AWS region such as eu-west-1"),
            (
                "services/cart.yaml:2:30: image.prot: an unknown key; did you "
                "mean port? there are depends_on, healthcheck, location, port, "
                "protocol, tag"
            ),
            (
                "services/cart.yaml:3:1: cpu: big; a whole number of CPU units, "
                "256 to 16384"
            ),
            (
                "services/orders.yaml:3:1: memory: -1; a whole number of MiB, "
                "512 to 122880"
            ),
        ],
        id="several_mistakes_in_several_files",
    ),
]


@pytest.mark.parametrize(("files", "lines"), MISTAKES)
def test_a_mistake_is_told_by_place_field_and_what_is_allowed(
    files: Mapping[str, str], lines: list[str]
) -> None:
    assert [str(problem) for problem in problems(files)] == lines
