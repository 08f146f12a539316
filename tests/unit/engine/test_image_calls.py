"""Asking which image a run gets, in threads: the messages to the engine, and when it asks again."""

import pytest

from node_poc.engine.image_calls import ImageCalls
from node_poc.engine.messages import CallLater, ImageSettled
from node_poc.engine.retries import Retries
from node_poc.runs.model import Failure
from node_poc.runs.observed import ImageDelayed, StartRefused
from node_poc.runs.status import RunStatus
from node_poc.runs.trusted_images import ImageRefusedError, RegistryAwayError, SettledImage
from node_poc.storage.records import RunRecord
from tests.fakes.examples import spec
from tests.unit.engine.failing_calls import InstantPool

RECORD = RunRecord(spec(), "digest", received_at=0.0)
SETTLED = SettledImage("sha256:1", "site")
AWAY = RegistryAwayError("registry: no answer")


class World:
    """Calls with a registry that answers in turn; the last answer repeats."""

    def __init__(self, *answers):
        self.answers, self.asked, self.waits, self.told, self.later = (
            list(answers),
            [],
            True,
            [],
            [],
        )
        calls = ImageCalls(self.settle, self.post, self, InstantPool(), Retries(self.post))
        calls.settle(RECORD)

    def settle(self, image):
        self.asked.append(image)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def waits_for_image(self, _run_id):
        return self.waits

    def post(self, message):
        (self.later if isinstance(message, CallLater) else self.told).append(message)

    def go_on(self):
        later, self.later = self.later, []
        for call in later:
            call.action()


def test_a_settled_image():
    world = World(SETTLED)
    assert world.told == [ImageSettled(7, SETTLED)]
    assert world.asked == [RECORD.spec.image]


def test_a_registry_that_is_away_is_asked_again_while_the_run_waits():
    world = World(AWAY, AWAY, SETTLED)
    world.go_on()
    world.go_on()
    *delays, settled = world.told
    assert [type(each) for each in delays] == [ImageDelayed, ImageDelayed]
    assert {each.failure.cause for each in delays} == {"RegistryAway"}
    assert delays[0].failure.site_detail == "registry: no answer"
    assert settled == ImageSettled(7, SETTLED)
    assert world.later == []


def test_nobody_is_asked_for_a_run_that_has_ended():
    world = World(AWAY)
    world.waits = False
    world.go_on()
    assert (len(world.asked), world.later) == (1, [])


def test_a_pause_after_a_registry_was_away_grows():
    world = World(AWAY)
    pauses = []
    for _ in range(8):
        pauses.append(world.later[0].seconds)
        world.go_on()
    assert pauses[0] <= 2.0
    assert 15 <= pauses[-1] <= 30.0


def test_a_refused_image_ends_the_run_with_its_status():
    failure = Failure("ImageNotSigned", "no", "sign it")
    world = World(ImageRefusedError(failure, RunStatus.NOT_ALLOWED))
    assert world.told == [StartRefused(7, failure, RunStatus.NOT_ALLOWED)]
    assert world.later == []


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("y")])
def test_an_error_of_the_node_itself_ends_the_run(error):
    (refused,) = World(error).told
    assert (refused.failure.cause, refused.status) == ("InternalError", RunStatus.START_FAILED)
