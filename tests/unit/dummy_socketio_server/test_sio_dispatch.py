import pytest
from dispatch import Dispatch, Notice, QueueFullError


def accept(dispatch, number, size=10):
    return dispatch.accept(f"poster{number}", {"run_id": number}, number, size)


def handed_over(dispatch):
    commands = []
    while (step := dispatch.hand_over()) is not None:
        commands.append((step[0], step[1].run_id))
    return commands


def test_without_a_node_nothing_is_handed_over():
    dispatch = Dispatch()
    accept(dispatch, 1)
    assert dispatch.hand_over() is None
    assert dispatch.kept == 1


def test_commands_go_in_the_order_they_came():
    dispatch = Dispatch()
    for number in (3, 1, 2):
        accept(dispatch, number)
    dispatch.add_node("n")
    assert handed_over(dispatch) == [("n", 3), ("n", 1), ("n", 2)]


def test_the_first_node_is_active_until_it_leaves():
    dispatch = Dispatch()
    dispatch.add_node("a")
    dispatch.add_node("b")
    dispatch.add_node("a")
    assert dispatch.node == "a"
    assert dispatch.remove("a") is True
    assert dispatch.node == "b"
    assert dispatch.remove("b") is True
    assert dispatch.node is None


def test_a_stand_by_node_or_a_stranger_leaving_changes_nothing():
    dispatch = Dispatch()
    dispatch.add_node("a")
    dispatch.add_node("b")
    accept(dispatch, 1)
    handed_over(dispatch)
    assert dispatch.remove("b") is False
    assert dispatch.remove("stranger") is False
    assert dispatch.kept == 0


def test_unanswered_commands_go_back_to_the_front_in_order():
    dispatch = Dispatch()
    dispatch.add_node("a")
    commands = [accept(dispatch, number) for number in (1, 2, 3)]
    handed_over(dispatch)
    dispatch.answered(commands[1].number)
    accept(dispatch, 4)
    dispatch.remove("a")
    dispatch.add_node("b")
    assert handed_over(dispatch) == [("b", 1), ("b", 3), ("b", 4)]


def test_an_answer_settles_once():
    dispatch = Dispatch()
    dispatch.add_node("a")
    command = accept(dispatch, 1)
    assert dispatch.answered(command.number) is None  # not handed over yet
    handed_over(dispatch)
    assert dispatch.answered(command.number) == (command, Notice.NOTHING)
    assert dispatch.answered(command.number) is None


def test_a_promised_command_waits_again_after_silence():
    dispatch = Dispatch()
    command = accept(dispatch, 1)
    dispatch.promise(command.number)
    dispatch.add_node("a")
    handed_over(dispatch)
    assert dispatch.silent(command.number) == (command, Notice.KEPT)
    assert handed_over(dispatch) == [("a", 1)]


def test_after_silence_a_late_answer_still_settles():
    dispatch = Dispatch()
    dispatch.add_node("a")
    command = accept(dispatch, 1)
    handed_over(dispatch)
    assert dispatch.silent(command.number) == (command, Notice.NOTHING)
    assert dispatch.answered(command.number) == (command, Notice.UNKNOWN)
    assert dispatch.silent(command.number) is None


def test_a_command_of_which_nobody_knows_is_not_kept_when_the_node_leaves():
    dispatch = Dispatch()
    dispatch.add_node("a")
    command = accept(dispatch, 1)
    handed_over(dispatch)
    dispatch.silent(command.number)
    dispatch.remove("a")
    assert dispatch.kept == 0


def test_the_number_of_commands_is_bounded_and_frees_itself():
    dispatch = Dispatch(max_commands=2)
    first = accept(dispatch, 1)
    accept(dispatch, 2)
    with pytest.raises(QueueFullError, match="at most 2 commands"):
        accept(dispatch, 3)
    dispatch.add_node("a")
    handed_over(dispatch)
    dispatch.answered(first.number)
    accept(dispatch, 3)


def test_the_bytes_are_bounded():
    dispatch = Dispatch(max_bytes=100)
    accept(dispatch, 1, size=60)
    with pytest.raises(QueueFullError, match="100 bytes"):
        accept(dispatch, 2, size=60)


def test_promising_a_settled_command_is_harmless():
    dispatch = Dispatch()
    dispatch.promise(99)
    assert dispatch.kept == 0
