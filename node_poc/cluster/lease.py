"""One process at a time works as a node: whoever holds the node's Lease.

Whether a holder has fallen silent is judged as client-go's leader election does: by this process's
own monotonic clock, since it last saw the Lease change. Clocks of machines are never compared: one
that is wrong, or is stepped, would make two nodes of one.
"""

from __future__ import annotations

import os
import platform
import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError, ConflictError, NotFoundError
from node_poc.cluster.lease_calls import Lease, LeaseCalls
from node_poc.manifests.lease import Holder, holder_of, make_holder, mark_of, seconds_of

log = structlog.get_logger(__name__)

_ENDED_PHASES = frozenset({"Succeeded", "Failed"})
_INTERRUPT_SECONDS = 0.1
_RACE_SECONDS = (0.05, 0.3)


@dataclass(frozen=True)
class LeaseTimes:
    """All in seconds. A renewal is one API request: three a minute.

    ``give_up`` is less than ``duration``: who could not renew for so long has the rest of it to
    end, before anybody else may begin.
    """

    duration: float = 60.0
    give_up: float = 50.0
    renew_every: float = 20.0
    retry_every: float = 5.0
    look_every: float = 10.0


class Silence:
    """How long a Lease has not changed, as far as this process could see."""

    def __init__(self) -> None:
        self._mark: tuple[str, str] | None = None
        self._since = 0.0

    def seconds(self, lease: Lease, now: float) -> float:
        """Look at the Lease; return for how long it has been as it is, 0 at the first look.

        Args:
            lease: as just read.
            now: monotonic seconds.
        """
        mark = mark_of(lease)
        if mark != self._mark:
            self._mark, self._since = mark, now
        return now - self._since

    def forget(self) -> None:
        """Begin anew: while this process could not look, the holder may not have been heard."""
        self._mark = None


class NodeLease:
    """The node's Lease and the threads that take it, keep it and give it back."""

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        node_name: str,
        on_lost: Callable[[str], None],
        times: LeaseTimes | None = None,
        holder: Holder | None = None,
    ) -> None:
        """Nothing happens before ``acquire``.

        Args:
            api: the cluster.
            namespace: where the node's Jobs are; its Lease lies there too.
            node_name: the node's name as configured: one Lease for each.
            on_lost: called at most once, from a thread of this class, with the reason: the Lease
                is not held any more, and the node must end at once. Not called after ``stop``.
            times: other times than the usual, for tests.
            holder: who takes it; by default this process, named by POD_NAME or by its machine.
        """
        self.holder = holder or make_holder(os.environ, platform.node(), secrets.token_hex(4))
        self._times = times or LeaseTimes()
        self._calls = LeaseCalls(api, namespace, node_name, self.holder, self._times.duration)
        self.name = self._calls.name
        self._namespace = namespace
        self._on_lost = on_lost
        self._silence = Silence()
        self._ending = threading.Event()
        self._held = threading.Event()
        self._lock = threading.Lock()
        self._lost = False
        self._good_until = 0.0
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    @property
    def is_held(self) -> bool:
        """Whether this process may work now."""
        going_on = self._held.is_set() and not self._ending.is_set()
        return going_on and time.monotonic() < self._good_until

    def acquire(self, stop: threading.Event) -> bool:
        """Wait until this process holds the Lease, for however long; then keep it. Call it once.

        Whatever the API says, forbidden included, is told and tried again.

        Args:
            stop: if set, the wait ends; a Lease that is taken at that moment is given back.

        Returns:
            whether it is held: the node may work.
        """
        self._thread.start()
        while not self._held.wait(_INTERRUPT_SECONDS):
            if stop.is_set() or self._ending.is_set():
                self._ending.set()
                return False
        return True

    def stop(self, within_seconds: float) -> None:
        """Give the Lease back, if it is held. Call this last: another node begins at once.

        Args:
            within_seconds: how long to wait for the API; without its answer the next node finds
                out by itself that this one has ended.
        """
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(within_seconds)

    # --- the thread

    def _run(self) -> None:
        try:
            lease = self._take()
            if lease is None:
                return
            threading.Thread(target=self._guard, name="lease time", daemon=True).start()
            self._held.set()
            self._keep(lease)
        except Exception as error:  # nobody would renew: worse than to end is to go on unseen
            log.exception("lease not understood", lease=self.name)
            self._lose(f"the Lease is not kept any more: {type(error).__name__}")

    def _take(self) -> Lease | None:
        """Try until it is held; None if it is to end first."""
        while not self._ending.is_set():
            pause = self._times.look_every
            asked_at = time.monotonic()
            try:
                lease = self._try_to_take()
                if lease is not None:
                    # Counted from before the call: nobody else counts from earlier.
                    self._good_until = asked_at + self._times.give_up
                    log.info("lease taken", lease=self.name, holder=self.holder.text)
                    return lease
            except ConflictError:  # somebody else was faster: look again
                pause = random.uniform(*_RACE_SECONDS)  # noqa: S311  jitter, no secret
            except ClusterError as error:
                self._tell_trouble(error)
            self._ending.wait(pause)
        return None

    def _try_to_take(self) -> Lease | None:
        """Look once, and take it if that is right.

        Returns:
            the Lease if it is held now, None if somebody else works.

        Raises:
            ConflictError: it was right, but somebody else was faster.
            ClusterError: the API does not let this process look or take.
        """
        try:
            lease = self._calls.read()
        except ClusterError:
            self._silence.forget()
            raise
        if lease is None:
            return self._calls.take(None)
        silent = self._silence.seconds(lease, time.monotonic())
        holder = holder_of(lease)
        if holder is not None:
            left = max(self._times.duration, seconds_of(lease)) - silent
            reason = self._why_over(holder, left)
            if reason is None:
                self._tell_wait(holder, left)
                return None
            log.warning("lease taken over", lease=self.name, holder=holder.text, reason=reason)
        return self._calls.take(lease)

    def _why_over(self, holder: Holder, left: float) -> str | None:
        """Why the holder's time is over; None if it may still work."""
        if holder == self.holder:
            return "it is this process's own: the answer to taking it was lost"
        if holder.same_pod(self.holder):
            return "its holder was this pod's container before this one"
        if left <= 0:
            return "its holder has not renewed it in time"
        if not holder.in_pod:
            return None
        try:
            phase = self._calls.pod_phase(holder.place)
        except ClusterError as error:
            log.warning("the holder's pod is not readable", error=str(error))
            return None
        if phase is None:
            return "its holder's pod is gone"
        return f"its holder's pod has ended ({phase})" if phase in _ENDED_PHASES else None

    def _tell_trouble(self, error: ClusterError) -> None:
        advice = "it is tried again until the API does it"
        if error.status in {401, 403}:
            advice = (
                "apply node_poc/kubeconfs again: the Role must allow create of leases, "
                f"get and update of the Lease {self.name}, and get of pods"
            )
        log.warning("no lease: this node takes no work", error=str(error), advice=advice)

    def _tell_wait(self, holder: Holder, left: float) -> None:
        remedy = f"end its process on {holder.place}"
        if holder.in_pod:
            remedy = f"`kubectl -n {self._namespace} delete pod {holder.place}`"
        log.warning(
            "another node pod with this name works: this one waits and takes no work",
            holder=holder.text,
            lease=self.name,
            free_in_s_if_silent=round(left),
            advice=f"to let this one work: {remedy}; both: each its own kubernetes.node_name",
        )

    # --- once it is held

    def _keep(self, lease: Lease) -> None:
        """Renew until the end, then give it back."""
        pause = self._times.renew_every
        while not self._ending.wait(pause):
            asked_at = time.monotonic()
            try:
                lease = self._renew(lease)
            except ClusterError as error:
                pause = self._times.retry_every
                left = round(self._good_until - time.monotonic())
                log.warning("lease not renewed", error=str(error), node_ends_in_s=left)
            else:
                self._good_until = asked_at + self._times.give_up
                pause = self._times.renew_every
        if not self._lost:
            self._release(lease)

    def _renew(self, lease: Lease) -> Lease:
        try:
            return self._calls.renew(lease)
        except (ConflictError, NotFoundError):
            fresh = self._calls.read()
        # Edited or deleted by a person, or an answer was lost: nobody's is taken again.
        holder = holder_of(fresh) if fresh is not None else None
        if fresh is not None and holder == self.holder:
            return self._calls.renew(fresh)
        if holder is None:
            return self._calls.take(fresh)
        self._lose(f"another node with this name has taken the Lease: {holder.place}")
        return lease

    def _guard(self) -> None:
        """End the node in time even while a call to a cluster that has fallen silent hangs."""
        while not self._ending.wait(max(0.0, self._good_until - time.monotonic())):
            if time.monotonic() >= self._good_until:
                seconds = round(self._times.give_up)
                self._lose(f"the Lease could not be renewed for {seconds} s")

    def _lose(self, reason: str) -> None:
        with self._lock:
            if self._ending.is_set():
                return
            self._lost = True
            self._ending.set()
        log.error("lease lost: this node must end", lease=self.name, reason=reason)
        self._on_lost(reason)

    def _release(self, lease: Lease) -> None:
        try:
            self._calls.release(lease)
        except ClusterError as error:  # the next start finds this pod gone
            log.info("lease not given back", lease=self.name, error=str(error))
        else:
            log.info("lease given back", lease=self.name)
