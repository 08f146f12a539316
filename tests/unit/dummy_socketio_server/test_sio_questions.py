"""Questions and kills without sockets: the recipients of the messages, and the order of events."""

import asyncio

from dispatch import Dispatch
from kept_kills import kill_kept, killed_result, killed_status
from ledger import Holder, Ledger
from relay import Relay

NODE = Holder("node", "a")


class FakeSio:
    """A server that records sent messages, never answers, and yields control like a real socket."""

    def __init__(self):
        self.handlers = {}
        self.sent = []

    def on(self, event, handler):
        self.handlers[event] = handler

    async def emit(self, event, data, *, to, callback=None):
        await asyncio.sleep(0)
        self.sent.append((event, data[0], to))


def test_a_kill_does_not_overtake_the_commands_that_wait():
    async def story():
        sio = FakeSio()
        Relay(sio, answer_timeout_s=0.05).register()
        for number in range(20):
            await sio.handlers["command_request"]("poster", {"run_id": number})
        await sio.handlers["node_connection_request"]("node")
        answer = await sio.handlers["kill_request"]("poster", {"all": True})
        return sio.sent, answer

    sent, answer = asyncio.run(story())
    assert [data.get("run_id") for _, data, _ in sent[:20]] == list(range(20))
    assert sent[20] == ("kill", {"all": True}, "node")
    assert "did not answer within 0.05 s" in answer["error"]


def test_the_pending_question_is_forgotten_after_silence():
    async def story():
        sio = FakeSio()
        relay = Relay(sio, answer_timeout_s=0.01)
        relay.register()
        await sio.handlers["node_connection_request"]("node")
        await sio.handlers["list_request"]("asker", {})
        return relay._questions._asked

    assert asyncio.run(story()) == {}


def kept(*payloads):
    dispatch, ledger = Dispatch(), Ledger()
    for payload in payloads:
        run_id = payload["run_id"] if type(payload["run_id"]) is int else None
        dispatch.accept("poster", payload, run_id, 10)
        if run_id is not None:
            ledger.post("poster", run_id)
    return dispatch, ledger


def test_a_command_kept_twice_is_killed_whole_and_told_as_one():
    dispatch, ledger = kept({"run_id": 7}, {"run_id": 8}, {"run_id": 7})
    killed, answer = kill_kept({"run_ids": [7]}, dispatch, ledger)
    assert [command.number for command in killed] == [1, 3]
    assert [command.run_id for command in dispatch.kept_commands()] == [8]
    assert len(answer["outcomes"]) == 1


def test_true_is_not_run_1():
    dispatch, ledger = kept({"run_id": True}, {"run_id": 1})
    ledger.note_at_node(1, NODE)
    killed, answer = kill_kept({"all": True}, dispatch, ledger)
    assert [command.payload for command in killed] == [{"run_id": True}]
    assert [one["outcome"] for one in answer["outcomes"]] == ["unknown", "killed"]


def test_killing_frees_the_room_that_commands_take():
    dispatch, ledger = Dispatch(max_commands=1), Ledger()
    for number in (1, 2):
        dispatch.accept("poster", {"run_id": number}, number, 10)
        killed, _ = kill_kept({"all": True}, dispatch, ledger)
        assert [command.run_id for command in killed] == [number]
    assert dispatch.kept == 0


def test_discarding_leaves_what_is_in_flight():
    dispatch = Dispatch()
    command = dispatch.accept("poster", {}, 7, 10)
    dispatch.add_node("node")
    dispatch.hand_over()
    dispatch.discard({command.number})
    assert dispatch.answered(command.number) is not None


def test_status_and_result_of_a_kill_have_the_contracts_keys():
    status, result = killed_status(7), killed_result(7)
    assert set(status) == {"run_id", "status", "time", "cause", "detail", "advice"}
    assert set(result) >= {"exit_code", "log", "log_truncated", "output", "timeline"}
    assert status["status"] == result["status"] == "killed by user"


def test_a_refusal_of_the_only_command_means_that_no_node_has_the_run():
    ledger = Ledger()
    ledger.watch("watcher", 7)
    ledger.post("poster", 7)
    ledger.note_at_node(7, NODE)
    assert ledger.may_be_at_node(7)
    ledger.withdraw("poster", 7)
    assert not ledger.may_be_at_node(7)
    ledger.note_at_node(99, NODE)
    assert not ledger.may_be_at_node(99)
    assert ledger.result(99) is None


def test_only_a_node_that_takes_it_is_told_who_posted():
    class Sent(FakeSio):
        async def emit(self, event, data, *, to, callback=None):
            self.sent.append((event, data, to))

    async def story(hello):
        sio = Sent()
        Relay(sio, answer_timeout_s=0.05).register()
        for poster in ("one", "one", "two"):
            await sio.handlers["command_request"](poster, {"run_id": 1})
        await sio.handlers["node_connection_request"]("node", hello)
        await asyncio.sleep(0.01)
        return [data for event, data, _ in sio.sent if event == "command"]

    assert asyncio.run(story({"name": "old"})) == [({"run_id": 1},)] * 3
    told = [data[1]["poster"] for data in asyncio.run(story({"takes": ["poster"]}))]
    assert told[0] == told[1] != told[2]
    assert "one" not in told
