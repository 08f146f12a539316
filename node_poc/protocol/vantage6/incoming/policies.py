"""Gathers the policies' facts from the server, the algorithm store and the image registry."""

from __future__ import annotations

from dataclasses import replace

import structlog

from node_poc.config.sections import Policies
from node_poc.protocol.vantage6.errors import StoreAwayError
from node_poc.protocol.vantage6.incoming.algorithm_store import store_has
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.vantage6.run_request import RunRequest
from node_poc.registry.tags import Registries
from node_poc.runs import policies
from node_poc.runs.trusted_images import RegistryAwayError

log = structlog.get_logger(__name__)

# The number of tries of a run: with the pauses, a good ten minutes.
_TRIES = 8
_AWAY = (
    "policies.allowed_algorithms: the registry did not tell this node which image an allowed tag "
    "means, to compare it with the task's image; post the task again when it does"
)


class NotAllowedHereError(Exception):
    """The policies do not allow the run. The text is for the researcher."""


class PolicyCheck:
    """Applies the node's policies to runs. Thread-safe."""

    def __init__(self, rest: RestSession, rules: Policies, registries: Registries) -> None:
        """``registries`` tells which image a tag means."""
        self._rest = rest
        self._rules = rules
        self._registries = registries

    def allowed_image(self, request: RunRequest, failures: int) -> str:
        """Return the image to run: the task's image, by its digest if a tag was looked up.

        Args:
            request: the run.
            failures: the number of failed tries before.

        Raises:
            NotAllowedHereError: the run is not allowed.
            RegistryAwayError: the registry did not answer; the run has to be tried again.
            ServerError: the server has trouble; the run has to be tried again.
        """
        facts = self._facts(request)
        try:
            decision = policies.decide(facts, self._rules, self._registries.digests_of)
        except RegistryAwayError as error:
            if failures + 1 < _TRIES:
                raise
            log.warning("a registry did not answer", error=str(error), tries=failures + 1)
            raise NotAllowedHereError(_AWAY) from error
        if decision.reason is not None:
            raise NotAllowedHereError(decision.reason)
        return decision.image

    def _facts(self, request: RunRequest) -> policies.TaskFacts:
        facts = policies.TaskFacts(
            image=request.image,
            user_id=request.init_user_id,
            organization_id=request.init_org_id,
        )
        if policies.needs_organization_name(self._rules):
            found = self._rest.get(f"organization/{request.init_org_id}").get("name")
            facts = replace(facts, organization_name=str(found) if found else None)
        if policies.needs_store(self._rules) and request.store_id is not None:
            facts = self._with_store(facts, request.store_id)
        return facts

    def _with_store(self, facts: policies.TaskFacts, store_id: int) -> policies.TaskFacts:
        url = self._rest.get(f"algorithmstore/{store_id}").get("url")
        if not isinstance(url, str):
            return facts
        facts = replace(facts, store_url=url)
        if not policies.store_url_allowed(url, self._rules):
            return facts
        try:
            return replace(facts, store_has_image=store_has(self._rest, url, facts.image))
        except StoreAwayError as error:
            log.warning("an algorithm store did not answer", store=url, error=str(error))
            return replace(facts, store_answered=False)
