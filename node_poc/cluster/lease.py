"""Only one process at a time works as a node: the holder of the node's Lease.

This process judges whether a holder is silent as client-go's leader election does: by its own
monotonic clock, from the moment when it last saw the Lease change. The clocks of two machines are
never compared: with a wrong or stepped clock, two processes would work as the same node.
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
    """Times of a Lease, all in seconds. A renewal is one API request: three a minute.

    ``give_up`` is less than ``duration``: a holder that could not renew the Lease for ``give_up``
    has the difference to end, before another process may start to work.
    """

    duration: float = 60.0
    give_up: float = 50.0
    renew_every: float = 20.0
    retry_every: float = 5.0
    look_every: float = 10.0


class Silence:
    """Measures how long a Lease has not changed, as far as this process could see."""

    def __init__(self) -> None:
        self._mark: tuple[str, str] | None = None
        self._since = 0.0

    def seconds(self, lease: Lease, now: float) -> float:
        """Return for how many seconds the Lease has not changed; 0 at the first call.

        Args:
            lease: the Lease, just read.
            now: monotonic seconds.
        """
        mark = mark_of(lease)
        if mark != self._mark:
            self._mark, self._since = mark, now
        return now - self._since

    def forget(self) -> None:
        """Start again from 0: while this process could not read the Lease, it missed renewals."""
        self._mark = None


class NodeLease:
    """The node's Lease, with the threads that take, renew and release the Lease."""

    def __init__(
        self,
        api: KubernetesApi,
        namespace: str,
        node_name: str,
        on_lost: Callable[[str], None],
        times: LeaseTimes | None = None,
        holder: Holder | None = None,
    ) -> None:
        """Prepare the threads; ``acquire`` starts them.

        Args:
            api: the Kubernetes API.
            namespace: namespace of the node's Jobs and of its Lease.
            node_name: the node's configured name; each name has its own Lease.
            on_lost: called at most once, from a thread of this class, with the reason: the process
                no longer holds the Lease, and the node must end at once. Not called after ``stop``.
            times: other times than the default, for tests.
            holder: the holder; by default this process, named by POD_NAME or by its machine.
        """
        self.holder = holder or make_holder(os.environ, platform.node(), secrets.token_hex(4))
        self._times = times or LeaseTimes()
        self.calls = LeaseCalls(api, namespace, node_name, self.holder, self._times.duration)
        self.name = self.calls.name
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
        """Wait without limit until this process holds the Lease; then keep renewing. Call once.

        Every API error, including 403, is logged and the call is retried.

        Args:
            stop: ends the wait once set; a Lease that is taken at the same moment is released.

        Returns:
            whether this process holds the Lease: the node may work.
        """
        self._thread.start()
        while not self._held.wait(_INTERRUPT_SECONDS):
            if stop.is_set() or self._ending.is_set():
                self._ending.set()
                return False
        return True

    def stop(self, within_seconds: float) -> None:
        """Release the Lease, if held. Call this method last: another process may start at once.

        Args:
            within_seconds: how long to wait for the API's answer; without an answer, the next
                process has to find out by itself that the holder has ended.
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
        except Exception as error:  # without renewals a second process would work: end the node
            log.exception("lease not understood", lease=self.name)
            self._lose(f"the Lease is not kept any more: {type(error).__name__}")

    def _take(self) -> Lease | None:
        """Retry until this process holds the Lease; return None if the node must end first."""
        while not self._ending.is_set():
            pause = self._times.look_every
            asked_at = time.monotonic()
            try:
                lease = self._try_to_take()
                if lease is not None:
                    # Other processes count from when they see the write, thus not from earlier.
                    self._good_until = asked_at + self._times.give_up
                    log.info("lease taken", lease=self.name, holder=self.holder.text)
                    return lease
            except ConflictError:  # another process was faster: read again
                pause = random.uniform(*_RACE_SECONDS)  # noqa: S311  jitter, no secret
            except ClusterError as error:
                self._log_trouble(error)
            self._ending.wait(pause)
        return None

    def _try_to_take(self) -> Lease | None:
        """Read the Lease once, and take the Lease if no other process may work.

        Returns:
            the Lease if this process holds it now, None if another process may still work.

        Raises:
            ConflictError: another process was faster to write the Lease.
            ClusterError: reading or writing the Lease failed.
        """
        try:
            lease = self.calls.read()
        except ClusterError:
            self._silence.forget()
            raise
        if lease is None:
            return self.calls.take(None)
        silent = self._silence.seconds(lease, time.monotonic())
        holder = holder_of(lease)
        if holder is not None:
            left = max(self._times.duration, seconds_of(lease)) - silent
            reason = self._why_over(holder, left)
            if reason is None:
                self._log_wait(holder, left)
                return None
            log.warning("lease taken over", lease=self.name, holder=holder.text, reason=reason)
        return self.calls.take(lease)

    def _why_over(self, holder: Holder, left: float) -> str | None:
        """Return why the holder may no longer work; None if the holder may still work."""
        if holder == self.holder:
            return "it is this process's own: the answer to taking it was lost"
        if holder.same_pod(self.holder):
            return "its holder was this pod's container before this one"
        if left <= 0:
            return "its holder has not renewed it in time"
        if not holder.in_pod:
            return None
        try:
            phase = self.calls.pod_phase(holder.place)
        except ClusterError as error:
            log.warning("the holder's pod is not readable", error=str(error))
            return None
        if phase is None:
            return "its holder's pod is gone"
        return f"its holder's pod has ended ({phase})" if phase in _ENDED_PHASES else None

    def _log_trouble(self, error: ClusterError) -> None:
        advice = "it is tried again until the API does it"
        if error.status in {401, 403}:
            advice = (
                "apply node_poc/kubeconfs again: the Role must allow create of leases, "
                f"get and update of the Lease {self.name}, and get of pods"
            )
        log.warning("no lease: this node takes no work", error=str(error), advice=advice)

    def _log_wait(self, holder: Holder, left: float) -> None:
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
        """Renew the Lease until the node ends, then release the Lease unless it is lost."""
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
            return self.calls.renew(lease)
        except (ConflictError, NotFoundError):
            fresh = self.calls.read()
        # A person has edited or deleted the Lease, or an answer was lost: take a free Lease again.
        holder = holder_of(fresh) if fresh is not None else None
        if fresh is not None and holder == self.holder:
            return self.calls.renew(fresh)
        if holder is None:
            return self.calls.take(fresh)
        self._lose(f"another node with this name has taken the Lease: {holder.place}")
        return lease

    def _guard(self) -> None:
        """End the node in time, even while an API call hangs because the cluster is silent."""
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
            self.calls.release(lease)
        except ClusterError as error:  # the next process finds out that this pod is gone
            log.info("lease not given back", lease=self.name, error=str(error))
        else:
            log.info("lease given back", lease=self.name)
