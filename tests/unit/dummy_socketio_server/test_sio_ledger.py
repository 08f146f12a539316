from hypothesis import given
from hypothesis import strategies as st
from ledger import Ledger

STATUS = {"run_id": 7, "status": "active"}
RESULT = {"run_id": 7, "status": "completed"}


def test_a_poster_hears_statuses_and_the_result_once():
    ledger = Ledger()
    ledger.post("p", 7)
    assert ledger.record_status(7, STATUS) == ("p",)
    assert ledger.record_result(7, RESULT, 10) == ("p",)
    assert ledger.record_result(7, RESULT, 10) == ()


def test_posting_twice_still_means_one_copy():
    ledger = Ledger()
    ledger.post("p", 7)
    ledger.post("p", 7)
    ledger.watch("p", 7)
    assert ledger.record_result(7, RESULT, 10) == ("p",)


def test_an_unknown_run_is_not_known_by_being_watched():
    ledger = Ledger()
    assert ledger.watch("w", 7).known is False
    assert ledger.watch("v", 7).known is False
    assert set(ledger.record_status(7, STATUS)) == {"w", "v"}


def test_a_late_watcher_gets_status_and_result_once():
    ledger = Ledger()
    ledger.record_status(7, STATUS)
    ledger.record_result(7, RESULT, 10)
    answer = ledger.watch("w", 7)
    assert (answer.known, answer.status, answer.result) == (True, STATUS, RESULT)
    assert ledger.watch("w", 7).result is None
    assert ledger.watch("other", 7).result == RESULT


def test_a_refused_command_is_forgotten():
    ledger = Ledger()
    ledger.post("p", 7)
    ledger.withdraw("p", 7)
    assert ledger.watch("w", 7).known is False
    assert ledger.record_status(7, STATUS) == ("w",)


def test_a_refused_second_command_does_not_cut_off_the_first():
    ledger = Ledger()
    ledger.post("p", 7)
    ledger.post("p", 7)
    ledger.withdraw("p", 7)
    assert ledger.record_result(7, RESULT, 10) == ("p",)


def test_a_refused_stranger_does_not_hear_of_the_run():
    ledger = Ledger()
    ledger.post("owner", 7)
    ledger.post("stranger", 7)
    ledger.withdraw("stranger", 7)
    assert ledger.record_status(7, STATUS) == ("owner",)


def test_who_went_away_hears_nothing_and_the_run_stays_known():
    ledger = Ledger()
    ledger.post("p", 7)
    ledger.forget_connection("p")
    ledger.forget_connection("p")
    ledger.withdraw("p", 8)
    assert ledger.record_status(7, STATUS) == ()
    assert ledger.watch("w", 7).known is True


def test_only_the_last_results_are_remembered():
    ledger = Ledger(max_results=2)
    for run_id in (1, 2, 3):
        ledger.post("p", run_id)
        ledger.record_result(run_id, {"run_id": run_id}, 10)
    assert [ledger.watch("w", run_id).known for run_id in (1, 2, 3)] == [False, True, True]


def test_the_results_are_bounded_in_bytes_but_the_last_one_stays():
    ledger = Ledger(max_result_bytes=100)
    ledger.record_result(1, {"run_id": 1}, 90)
    ledger.record_result(2, {"run_id": 2}, 900)
    assert ledger.watch("w", 1).known is False
    assert ledger.watch("w", 2).result == {"run_id": 2}


def test_open_runs_are_bounded():
    ledger = Ledger(max_open=2)
    for run_id in (1, 2, 3):
        ledger.post("p", run_id)
    assert ledger.watch("w", 3).known is True
    ledger.forget_connection("p")


def test_asking_for_runs_pushes_out_no_posted_run():
    ledger = Ledger(max_open=2, max_asked=2)
    ledger.watch("p", 1)
    ledger.post("p", 1)
    ledger.record_status(2, {"run_id": 2})
    for run_id in range(10, 30):
        ledger.watch("flood", run_id)
    assert ledger.record_result(1, {"run_id": 1}, 5) == ("p",)
    assert ledger.watch("p", 2).known is True
    assert ledger.record_status(29, {"run_id": 29}) == ("flood",)
    assert ledger.record_status(10, {"run_id": 10}) == ()


def test_a_refused_run_that_somebody_watches_counts_as_asked_for():
    ledger = Ledger(max_open=1)
    ledger.watch("w", 7)
    ledger.post("p", 7)
    ledger.withdraw("p", 7)
    ledger.post("p", 8)
    assert ledger.record_status(7, STATUS) == ("w",)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["post", "withdraw", "watch", "status", "result", "leave"]),
            st.sampled_from("abc"),
            st.integers(1, 4),
        ),
        max_size=60,
    )
)
def test_whatever_the_order_a_connection_gets_each_result_once(steps):
    ledger = Ledger(max_results=50)
    served = set()
    for step, sid, run_id in steps:
        heard = []
        if step == "post":
            ledger.post(sid, run_id)
        elif step == "withdraw":
            ledger.withdraw(sid, run_id)
        elif step == "watch":
            heard = [sid] if ledger.watch(sid, run_id).result is not None else []
        elif step == "status":
            ledger.record_status(run_id, {"run_id": run_id})
        elif step == "result":
            heard = ledger.record_result(run_id, {"run_id": run_id}, 5)
        else:
            ledger.forget_connection(sid)
            served = {item for item in served if item[0] != sid}
        for hearer in heard:
            assert (hearer, run_id) not in served
            served.add((hearer, run_id))
