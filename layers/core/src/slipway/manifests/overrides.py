"""What an environment changes about a service: keys laid over keys."""

from collections.abc import Mapping
from dataclasses import replace

from slipway.manifests.nodes import Keys, Scalar, Tree, shown
from slipway.manifests.problems import Problem, problem_at

ENVIRONMENTS = "environments"
_GONE = ("null", "~")


def overlay(under: Tree, over: Tree) -> Tree:
    """Lay one tree over another: keys go into keys, all else replaces what was there.

    A written-out `null` takes a key away.
    """
    if not isinstance(under, Keys) or not isinstance(over, Keys):
        return over
    nodes = dict(under.nodes)
    for key, node in over.nodes.items():
        if isinstance(node, Scalar) and not node.quoted and node.written in _GONE:
            nodes[key] = replace(node, is_gone=True)
        elif key in nodes:
            nodes[key] = overlay(nodes[key], node)
        else:
            nodes[key] = _marked(node)
    return Keys(under.place, nodes)


def split(tree: Tree) -> tuple[Tree, Mapping[str, Keys], list[Problem]]:
    """Take `environments` out of a manifest: what it says, and what each changes."""
    if not isinstance(tree, Keys) or ENVIRONMENTS not in tree.nodes:
        return tree, {}, []
    rest = Keys(tree.place, {k: n for k, n in tree.nodes.items() if k != ENVIRONMENTS})
    written = tree.nodes[ENVIRONMENTS]
    if not isinstance(written, Keys):
        allowed = "names of environments, each with keys"
        return rest, {}, [problem_at(written.place, shown(written), allowed)]
    changes: dict[str, Keys] = {}
    problems: list[Problem] = []
    for name, node in written.nodes.items():
        if not isinstance(node, Keys):
            allowed = "keys that it changes"
            problems.append(problem_at(node.place, shown(node), allowed))
            continue
        for fixed in ("name", ENVIRONMENTS):
            if fixed in node.nodes:
                allowed = "a service has the same one in all environments"
                place = node.nodes[fixed].place
                problems.append(problem_at(place, "a change of it", allowed))
        changes[name] = Keys(
            node.place,
            {k: n for k, n in node.nodes.items() if k not in ("name", ENVIRONMENTS)},
        )
    return rest, changes, problems


def _marked(node: Tree) -> Tree:
    """Let what is written out as `null` take away where there is nothing beneath."""
    return overlay(Keys(node.place, {}), node) if isinstance(node, Keys) else node
