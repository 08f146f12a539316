"""PURE: vantage6's ``policies``: who may run which algorithm on this node.

The rules are those of ``DockerManager.is_docker_image_allowed`` of vantage6 4.x, with three
mistakes of it left out: an id that YAML reads as a number counts; so does an organization's name;
and ``allow_either_whitelist_or_store`` does not allow everything when only one of the two is set.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from node_poc.config.sections import Policies, is_regex

# The image that vantage6's own user interface starts to look at a database, by server version.
_BASICS = ("harbor2.vantage6.ai/algorithms/basics", "ghcr.io/vantage6/algorithm-basics")
_ASK = "ask the data station to allow it, or use an allowed one"


@dataclass(frozen=True)
class TaskFacts:
    """What the policies look at. None: not known, or there is none.

    ``store_has_image``: the algorithm store itself has said that the image is one of its approved
    algorithms. What the server says of that is not enough: it is not the store.
    ``store_answered``: it was asked and said so or not, or there was no need to ask it.
    """

    image: str
    user_id: int | None = None
    organization_id: int | None = None
    organization_name: str | None = None
    store_url: str | None = None
    store_has_image: bool = False
    store_answered: bool = True


def digest_in(image: str) -> str | None:
    """The digest that an image's name spells; None if it spells none."""
    return image.partition("@")[2] or None


def needs_organization_name(policies: Policies) -> bool:
    """Whether an organization is allowed by name, so that the name must be known."""
    return any(not entry.isdigit() for entry in policies.allowed_organizations or [])


def needs_store(policies: Policies) -> bool:
    """Whether the task's algorithm store must be known, and asked."""
    return policies.allowed_algorithm_stores is not None


def refusal(
    task: TaskFacts, policies: Policies, digest_of: Callable[[str], str | None] = digest_in
) -> str | None:
    """Why this node does not run the task, for the researcher; None if it does.

    Args:
        task: what is known of it.
        policies: of the node's configuration.
        digest_of: tells an image's digest; the default knows only what its name spells.
    """
    if not policies.allow_basics_algorithm and without_tag(task.image) in _BASICS:
        return "policies.allow_basics_algorithm: this node does not run vantage6's basics image"
    if not _requester_allowed(task, policies):
        return (
            "policies.allowed_users, policies.allowed_organizations: this node takes no tasks of "
            "this user or organization; ask the data station to allow them"
        )
    return _image_refusal(task, policies, digest_of)


def _requester_allowed(task: TaskFacts, policies: Policies) -> bool:
    """Either is enough; a policy that is not set allows nobody if the other one is."""
    users, organizations = policies.allowed_users, policies.allowed_organizations
    if users is None and organizations is None:
        return True
    requester = {str(task.organization_id), task.organization_name}
    by_user = task.user_id is not None and str(task.user_id) in (users or [])
    return by_user or bool(requester & set(organizations or []))


def _image_refusal(
    task: TaskFacts, policies: Policies, digest_of: Callable[[str], str | None]
) -> str | None:
    listed = image_allowed(task.image, policies.allowed_algorithms, digest_of)
    stored = _store_allowed(task, policies)
    both_set = None not in (policies.allowed_algorithms, policies.allowed_algorithm_stores)
    if both_set and policies.allow_either_whitelist_or_store:
        if listed or stored:
            return None
        return (
            "policies.allowed_algorithms, policies.allowed_algorithm_stores: neither allows this "
            f"image; {_ASK}"
        )
    if not listed:
        return f"policies.allowed_algorithms: this node does not allow this image; {_ASK}"
    return None if stored else _store_refusal(task, policies)


def _store_refusal(task: TaskFacts, policies: Policies) -> str:
    stores = policies.allowed_algorithm_stores or []
    if task.store_url is None:
        what = "the task names no algorithm store"
    elif not _any_matches(task.store_url, stores):
        what = "this node does not allow the task's algorithm store"
    elif not task.store_answered:
        return (
            "policies.allowed_algorithm_stores: the task's algorithm store did not answer this "
            "node; post the task again when it does"
        )
    else:
        what = "the task's algorithm store does not say that this image is approved there"
    return f"policies.allowed_algorithm_stores: {what}; start it from an allowed store"


def _store_allowed(task: TaskFacts, policies: Policies) -> bool:
    stores = policies.allowed_algorithm_stores
    if stores is None:
        return True
    return store_url_allowed(task.store_url, policies) and task.store_has_image


def store_url_allowed(url: str | None, policies: Policies) -> bool:
    """Whether a store is on the list, so that it makes sense to ask it."""
    return url is not None and _any_matches(url, policies.allowed_algorithm_stores or [])


def _any_matches(text: str, entries: list[str]) -> bool:
    return any(re.match(e, text) is not None if is_regex(e) else e == text for e in entries)


def image_allowed(
    image: str,
    allowed: list[str] | None,
    digest_of: Callable[[str], str | None] = digest_in,
) -> bool:
    """Whether ``image`` matches an entry.

    That is a regular expression from its start, the image, its name without tag, or the same name
    with the same digest.
    """
    return allowed is None or any(_image_matches(image, entry, digest_of) for entry in allowed)


def _image_matches(image: str, entry: str, digest_of: Callable[[str], str | None]) -> bool:
    if is_regex(entry):
        return re.match(entry, image) is not None
    if entry in {image, without_tag(image)}:
        return True
    if without_tag(entry) != without_tag(image):
        return False
    digest = digest_of(image)
    return digest is not None and digest == digest_of(entry)


def without_tag(image: str) -> str:
    """Return the image's name without tag and digest; a registry's port is not a tag."""
    name = image.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name
