"""PURE: vantage6's ``policies``: the users and algorithms that this node allows.

The rules follow ``DockerManager.is_docker_image_allowed`` of vantage6 4.x, without four mistakes:
ids may be numbers in YAML; names of organizations work; ``allow_either_whitelist_or_store`` needs
both lists; and an entry matches whole names, not the start of a name (``entries.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node_poc.config.sections import Policies, is_regex
from node_poc.runs.digits import is_number
from node_poc.runs.entries import SlowEntryError, image_matches, url_matches
from node_poc.runs.image_names import parse_image, without_tag

# vantage6's user interface starts this image to look at a database; names by server version.
_BASICS = frozenset({"harbor2.vantage6.ai/algorithms/basics", "ghcr.io/vantage6/algorithm-basics"})
_REQUESTER = (
    "policies.allowed_users, policies.allowed_organizations: this node takes no tasks of this user "
    "or organization; ask the data station to allow them"
)
_ASK = "ask the data station to allow it, or use an allowed one"


@dataclass(frozen=True)
class TaskFacts:
    """Facts of a task for the policies. None: unknown, or absent.

    ``store_has_image``: the algorithm store told this node that the image is an approved algorithm
    of the store. The server's word is not enough.
    ``store_answered``: false only for a store that this node asked in vain.
    """

    image: str
    user_id: int | None = None
    organization_id: int | None = None
    organization_name: str | None = None
    store_url: str | None = None
    store_has_image: bool = False
    store_answered: bool = True


@dataclass(frozen=True)
class Decision:
    """The policies' answer for a task.

    ``reason``: why this node refuses the task, for the researcher; None if the task may run.
    ``image``: the image to run. The task's own, or the digest behind its tag at the time of a
    lookup in the registry.
    """

    reason: str | None
    image: str


Digests = Callable[[str], Sequence[str]]


def digests_in(image: str) -> Sequence[str]:
    """Return the digest in an image's name; an empty sequence for a name without digest."""
    name = parse_image(image)
    return (name.digest,) if name is not None and name.digest else ()


def needs_organization_name(policies: Policies) -> bool:
    """Return whether the policies allow an organization by name, which the node must then know."""
    return any(not is_number(entry) for entry in policies.allowed_organizations or [])


def needs_store(policies: Policies) -> bool:
    """Return whether the node must know the task's algorithm store, and ask the store."""
    return policies.allowed_algorithm_stores is not None


def decide(task: TaskFacts, policies: Policies, digests_of: Digests = digests_in) -> Decision:
    """Decide whether this node runs the task, and which image.

    Args:
        task: the facts of the task.
        policies: of the node's configuration.
        digests_of: returns the digests of an image: the image's own, then those of its platforms.
            The default reads the name only. ``decide`` calls it for repositories of
            ``allowed_algorithms`` only, and passes its exceptions on.
    """
    if reason := basics_refused(task.image, policies):
        return Decision(reason, task.image)
    if not _requester_allowed(task, policies):
        return Decision(_REQUESTER, task.image)
    listed = _Listed(task.image, policies.allowed_algorithms, digests_of)
    reason = _image_refusal(task, policies, listed)
    return Decision(reason, listed.pinned or task.image)


def refusal(task: TaskFacts, policies: Policies, digests_of: Digests = digests_in) -> str | None:
    """Return the reason of ``decide``: why this node refuses the task; None if the task may run."""
    return decide(task, policies, digests_of).reason


def basics_refused(image: str, policies: Policies) -> str | None:
    """Return why this node refuses vantage6's basics image; None for any other or if allowed."""
    name = parse_image(image)
    if policies.allow_basics_algorithm or name is None or name.repository not in _BASICS:
        return None
    return "policies.allow_basics_algorithm: this node does not run vantage6's basics image"


def _requester_allowed(task: TaskFacts, policies: Policies) -> bool:
    """Return whether the policies allow the task's user or organization.

    One of both suffices. If only one of the policies is set, the other allows nobody.
    """
    users, organizations = policies.allowed_users, policies.allowed_organizations
    if users is None and organizations is None:
        return True
    by_user = task.user_id is not None and str(task.user_id) in (users or [])
    # Numbers are ids, even if an organization has a number for a name.
    named = {entry for entry in organizations or [] if not is_number(entry)}
    numbered = set(organizations or []) - named
    by_id = task.organization_id is not None and str(task.organization_id) in numbered
    return by_user or by_id or task.organization_name in named


def _image_refusal(task: TaskFacts, policies: Policies, listed: _Listed) -> str | None:
    stored = _store_allowed(task, policies)
    both_set = None not in (policies.allowed_algorithms, policies.allowed_algorithm_stores)
    if both_set and policies.allow_either_whitelist_or_store:
        if stored or listed.allows():
            return None
        return (
            "policies.allowed_algorithms, policies.allowed_algorithm_stores: neither allows this "
            f"image; {_ASK}"
        )
    if not listed.allows():
        return f"policies.allowed_algorithms: {listed.why_not}; {_ASK}"
    return None if stored else _store_refusal(task, policies)


def _store_refusal(task: TaskFacts, policies: Policies) -> str:
    stores = policies.allowed_algorithm_stores or []
    if task.store_url is None:
        what = "the task names no algorithm store"
    elif not _any_means(task.store_url, stores):
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
    """Return whether a store is on the list; the node asks no other store."""
    return url is not None and _any_means(url, policies.allowed_algorithm_stores or [])


def _any_means(url: str, entries: list[str]) -> bool:
    for entry in entries:
        with contextlib.suppress(SlowEntryError):  # without an answer nothing is allowed
            if url_matches(entry, url):
                return True
    return False


def image_allowed(image: str, allowed: list[str] | None, digests_of: Digests = digests_in) -> bool:
    """Return whether an entry allows ``image``.

    Entries are regular expressions, images, names without tag, or the same name with the same
    digest.
    """
    return _Listed(image, allowed, digests_of).allows()


class _Listed:
    """Whether ``allowed_algorithms`` allows an image, and which of its digests."""

    def __init__(self, image: str, allowed: list[str] | None, digests_of: Digests) -> None:
        self._image = image
        self._name = parse_image(image)
        self._allowed = allowed
        self._digests_of = digests_of
        self.pinned: str | None = None
        self.why_not = "this node does not allow this image"

    def allows(self) -> bool:
        """Return whether an entry allows the image. Ask for digests only where no name matches."""
        if self._allowed is None:
            return True
        return any(map(self._is_named, self._allowed)) or any(map(self._is_same, self._allowed))

    def _is_named(self, entry: str) -> bool:
        if is_regex(entry):
            try:
                return image_matches(entry, self._image)
            except SlowEntryError:
                self.why_not = "an entry takes too long to be compared with this image's name"
                return False
        if entry in {self._image, without_tag(self._image)}:
            return True
        name, listed = self._name, parse_image(entry)
        if name is None or listed is None or listed.repository != name.repository:
            return False
        if not listed.suffix:
            return True
        return not name.digest and not listed.digest and listed.version == name.version

    def _is_same(self, entry: str) -> bool:
        """Return whether an entry with another tag or digest of the name is the same image."""
        name, listed = self._name, None if is_regex(entry) else parse_image(entry)
        if name is None or listed is None or listed.repository != name.repository:
            return False
        wanted = self._digests_of(entry)
        same = next((each for each in self._digests_of(self._image) if each in wanted), None)
        if same is not None and not name.digest:
            # Before the pull, the tag may move to another image.
            self.pinned = f"{without_tag(self._image)}@{same}"
        return same is not None
