"""Applies the objects of a node, and puts back what was there before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from node_poc.cluster.applying import FIELD_MANAGER, NodeObjects, is_namespaced
from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.manage.owned import (
    applied_part,
    of_kubectl_for,
    other_appliers,
    without_bookkeeping,
)
from node_poc.manage.plan import CLUSTER_KINDS, PRUNED_KINDS, Change, Key, key_of, superfluous
from node_poc.manifests import identity

Object = dict[str, Any]
Tell = Callable[[str], None]
_NAMESPACE = "Namespace"
_DEPLOYMENT = "Deployment"
_CONFLICT = 409
_TRIES = 5


class Application:
    """One ``start``: the objects before it, the objects applied, and the way back.

    Attributes:
        before: the objects as they were, by key; None where there was none.
    """

    def __init__(
        self, objects: NodeObjects, wanted: list[Object], selector: str, tell: Tell
    ) -> None:
        """Read the present state of all objects.

        Args:
            objects: makes the calls.
            wanted: the objects to apply, in order.
            selector: the label selector of the node's objects.
            tell: shows a line of progress.

        Raises:
            ClusterError: the cluster does not answer, or lets this person not read.
        """
        self._objects = objects
        self._tell = tell
        self._done: list[Key] = []
        keys = map(key_of, wanted)
        self.before: dict[Key, Object | None] = {key: self._read(key) for key in keys}
        self.wanted = [each for each in wanted if self._is_for_us(each)]
        namespaces = {key.namespace for key in self.before if key.namespace}
        self.surplus = superfluous(self._found(namespaces, selector), wanted)

    def _read(self, key: Key) -> Object | None:
        try:
            return self._objects.get(*key)
        except ClusterError as error:
            if error.is_forbidden and not is_namespaced(key.kind):
                return None  # a person with rights on the namespace only
            raise

    def _is_for_us(self, wanted: Object) -> bool:
        """Return whether to apply: a namespace that is there already stays as it is."""
        return wanted["kind"] != _NAMESPACE or self.before[key_of(wanted)] is None

    def _found(self, namespaces: Iterable[str], selector: str) -> list[Object]:
        pruned = [(kind, space) for space in namespaces for kind in PRUNED_KINDS]
        return [
            each
            for kind, space in pruned
            for each in self._objects.list_kind(kind, space, selector)
        ]

    def try_out(self) -> list[Change]:
        """Return the changes by a server-side dry run. Raises ClusterError."""
        made = []
        for each in self.wanted:
            key = key_of(each)
            try:
                after = self._objects.apply(each, dry_run=True)
            except NotFoundError:  # the namespace, or the kind, is not there yet
                after = each
            except ClusterError as error:
                if not self._may_be_missing(key, error):
                    raise
                continue
            made.append(Change(key, self.before[key], after))
        return [*made, *(Change(key_of(each), each, None) for each in self.surplus)]

    def apply(self) -> list[Change]:
        """Apply all objects in order and return the changes. Raises ClusterError."""
        made = []
        self._tell_of_others()
        for each in self.wanted:
            key = key_of(each)
            self._done.append(key)  # before: a lost answer, or Ctrl-C, may hide a success
            try:
                self._take_over(key)
                after = self._objects.apply(each)
            except ClusterError as error:
                if not self._may_be_missing(key, error):
                    raise
                self._done.remove(key)
                continue
            change = Change(key, self.before[key], after)
            made.append(change)
            if change.verb != "unchanged":
                self._tell(f"{key} {change.verb}")
        return made

    def _take_over(self, key: Key) -> None:
        """Give the command the fields that ``kubectl apply`` has set. Raises ClusterError."""
        live = self.before[key]
        for tries_left in reversed(range(_TRIES)):
            patch = of_kubectl_for(FIELD_MANAGER, live) if live else None
            if not patch:
                return
            try:
                self._objects.patch(*key, patch)
            except ClusterError as error:
                if error.status != _CONFLICT or not tries_left:
                    raise
                live = self._read(key)  # a controller has changed the object meanwhile
            else:
                self._tell(f"{key} taken over from kubectl apply")
                return

    def _tell_of_others(self) -> None:
        """Warn of programs that will put back what this command changes."""
        wanted = (self.before[key_of(each)] for each in self.wanted)
        others = {name for live in wanted if live for name in other_appliers(FIELD_MANAGER, live)}
        if others:
            self._tell(
                f"warning: {', '.join(sorted(others))} also applies objects of this node, and may "
                "put back its own values; change the node in one place only"
            )

    def _may_be_missing(self, key: Key, error: ClusterError) -> bool:
        """Return whether to go on without an object of the whole cluster; say the reason."""
        if key.kind == _NAMESPACE and error.is_forbidden:
            self._tell(f"warning: {key} is not made, for lack of the right; is it there already?")
            return True
        if key.kind not in CLUSTER_KINDS or not (
            error.is_forbidden or isinstance(error, NotFoundError)
        ):
            return False
        self._tell(
            f"warning: {key} is not applied ({error.reason}): the API server does not keep the "
            "node to its own Jobs; have an administrator run `python -m node_poc render job-policy "
            "| kubectl apply -f -`"
        )
        return True

    def prune(self) -> None:
        """Delete the objects that the file does not ask for any more. Raises ClusterError."""
        for each in self.surplus:
            key = key_of(each)
            self._objects.delete(*key)
            self._tell(f"{key} removed: the file does not ask for it any more")

    def put_back(self) -> None:
        """Put back the objects as they were; delete those that were not there.

        Raises ClusterError.
        """
        for key in self._done:
            former = self.before[key]
            if former is not None:
                self._objects.apply(_former(former))
        for key in reversed(self._done):
            if self.before[key] is None:
                self._objects.delete(*key)


def _former(former: Object) -> Object:
    """Return an object to apply in order to get ``former`` again."""
    of_others = of_kubectl_for(FIELD_MANAGER, former) is not None
    part = None if of_others else applied_part(former, FIELD_MANAGER)
    part = part or without_bookkeeping(former)
    if former["kind"] == _DEPLOYMENT:  # `stop` has set the number of pods
        part["spec"] = {**part["spec"], "replicas": former["spec"].get("replicas", 1)}
    return part


def made_by_us(namespace: Object | None) -> bool:
    """Return whether the command made a namespace."""
    notes = ((namespace or {}).get("metadata") or {}).get("annotations") or {}
    return identity.ANNOTATION_MADE_BY in notes
