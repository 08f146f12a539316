"""The engine's book: which runs are in flight, which runs wait, and which miss their Job."""

from dataclasses import replace

from node_poc.engine.book import RunBook
from node_poc.runs.holds import Hold
from node_poc.runs.model import Failure, Run, RunSpec, Stage
from node_poc.runs.observed import JobObservation, PodObservation, Tick
from node_poc.runs.status import RunStatus
from node_poc.runs.trusted_images import SettledImage
from node_poc.storage.records import RunRecord


def enter(book, run_id, **changes):
    run = Run(run_id, "digest", received_at=float(run_id), stage=Stage.QUEUED)
    return book.add(replace(run, **changes), RunRecord(RunSpec(run_id, "image"), "digest", 1.0))


def started(book):
    ids = []
    while (record := book.take_next()) is not None:
        ids.append(record.spec.run_id)
    return ids


def test_first_come_first_served_up_to_the_limit():
    book = RunBook(2)
    for run_id in (9, 3, 5, 4):
        enter(book, run_id)
    assert started(book) == [9, 3]
    places = {summary.run.run_id: summary.position for summary in book.summaries()}
    assert places == {9: None, 3: None, 5: 1, 4: 2}


def test_one_run_can_be_asked_for():
    book = RunBook(2)
    for run_id in (9, 3, 5, 4):
        enter(book, run_id)
    assert started(book) == [9, 3]
    everything = {summary.run.run_id: [summary] for summary in book.summaries()}
    assert {run_id: book.summaries(run_id) for run_id in (9, 3, 5, 4)} == everything
    assert book.summaries(1) == []


def test_a_run_that_must_wait_says_so_and_one_that_need_not_does_not():
    book = RunBook(1)
    assert enter(book, 1).failure is None
    started(book)
    waiting = enter(book, 2)
    assert waiting.failure.cause == "Queued"
    assert "1 wait" in enter(book, 3).failure.detail


def test_a_run_that_ends_makes_room_and_its_reason_to_wait_goes():
    book = RunBook(1)
    enter(book, 1)
    enter(book, 2)
    assert started(book) == [1]
    book.update(replace(book[1], stage=Stage.COLLECTING))
    assert started(book) == [2]
    assert book[2].failure is None


SHORTAGE = Failure("InsufficientDisk", "no room", "it starts by itself")


def test_a_shortage_lets_nothing_start_and_says_so():
    book = RunBook(2)
    enter(book, 1)
    assert started(book) == [1]
    enter(book, 2)
    assert [run.run_id for run in book.note_hold(Hold.DISK, SHORTAGE)] == [2]
    assert book[2].failure == SHORTAGE
    assert enter(book, 3).failure == SHORTAGE
    assert started(book) == []
    assert [summary.position for summary in book.summaries()] == [None, 1, 2]


def test_runs_start_in_their_order_when_a_shortage_is_over():
    book = RunBook(2)
    book.note_hold(Hold.DISK, SHORTAGE)
    for run_id in (9, 3, 5):
        enter(book, run_id)
    assert [run.failure.cause for run in book.note_hold(Hold.DISK, None)] == ["Queued"] * 3
    assert started(book) == [9, 3]
    assert book[9].failure is None


def test_of_two_holds_the_walls_are_told_and_both_must_end():
    walls = Failure("WallsNotUp", "no walls", "it starts by itself")
    book = RunBook(2)
    enter(book, 1)
    book.note_hold(Hold.DISK, SHORTAGE)
    assert [run.failure for run in book.note_hold(Hold.WALLS, walls)] == [walls]
    assert [run.failure for run in book.note_hold(Hold.WALLS, None)] == [SHORTAGE]
    assert started(book) == []
    book.note_hold(Hold.DISK, None)
    assert started(book) == [1]
    assert book.in_flight_ids() == [1]


def test_a_queued_run_that_is_killed_leaves_the_line():
    book = RunBook(1)
    for run_id in (1, 2, 3):
        enter(book, run_id)
    started(book)
    book.update(replace(book[2], stage=Stage.COLLECTING, status=RunStatus.KILLED))
    book.update(replace(book[1], stage=Stage.COLLECTING))
    assert started(book) == [3]


def test_a_run_that_a_former_process_was_to_kill_is_never_started():
    book = RunBook(5)
    enter(book, 1, kill_requested=True)
    assert started(book) == []
    book.note_job(1, float("-inf"))
    assert [run.run_id for run in book.runs_without_job(set(), 0.0)] == [1]


def test_a_job_is_missed_only_by_a_list_asked_for_after_it_was_known():
    book = RunBook(5)
    enter(book, 1)
    started(book)
    book.note_job(1, since=10.0, created_at=1234.5)
    assert book.runs_without_job(set(), asked_at=9.0) == []
    assert book.runs_without_job({1}, asked_at=11.0) == []
    assert [run.run_id for run in book.runs_without_job(set(), asked_at=11.0)] == [1]
    assert book.record(1).job_created_at == 1234.5


def test_a_run_that_waits_needs_no_job():
    book = RunBook(1)
    enter(book, 1)
    enter(book, 2)
    started(book)
    book.note_job(2, float("-inf"))
    assert book.runs_without_job(set(), 0.0) == []


def test_a_dropped_run_is_forgotten_once():
    book = RunBook(1)
    enter(book, 1)
    assert book.drop(1) is True
    assert book.drop(1) is False
    assert 1 not in book


def test_what_is_seen_of_a_former_run_of_a_number_is_not_of_this_one():
    book = RunBook(2)
    enter(book, 7)
    for seen in (JobObservation(7), PodObservation(7, "p", "Running")):
        assert book.is_about_run(seen)
        assert book.is_about_run(replace(seen, content="digest"))
        assert not book.is_about_run(replace(seen, content="another"))
        assert not book.is_about_run(replace(seen, run_id=8))
    assert book.is_about_run(Tick(7))


# --- images


def settling_book(limit=2):
    return RunBook(limit, settles_images=True)


def test_a_run_joins_the_line_once_its_image_is_settled():
    book = settling_book()
    enter(book, 1)
    enter(book, 2)
    assert [record.spec.run_id for record in book.take_unsettled()] == [1, 2]
    assert book.take_unsettled() == []
    assert started(book) == []
    book.note_image(2, SettledImage("sha256:2", "site"))
    assert started(book) == [2]
    record = book.record(2)
    assert (record.image_digest, record.signed_by) == ("sha256:2", "site")
    assert (book.waits_for_image(1), book.waits_for_image(2)) == (True, False)


def test_a_digest_on_disk_is_not_asked_for_again():
    book = settling_book()
    record = RunRecord(RunSpec(1, "image"), "digest", 1.0, image_digest="sha256:1")
    book.add(Run(1, "digest", 1.0, stage=Stage.QUEUED), record)
    assert book.take_unsettled() == []
    assert started(book) == [1]


def test_an_image_that_is_settled_too_late_changes_nothing():
    """A former process had made the Job already, or the run has been killed meanwhile."""
    book = settling_book()
    run = enter(book, 1)
    book.update(replace(run, stage=Stage.CREATED))
    assert book.note_image(1, SettledImage("sha256:1")) is None
    assert book.record(1).image_digest is None
    enter(book, 2)
    book.drop(2)
    assert book.note_image(2, SettledImage("sha256:2")) is None
    assert [record.spec.run_id for record in book.take_unsettled()] == [1]


def test_a_settled_run_says_what_it_waits_for_now():
    book = settling_book(1)
    enter(book, 1)
    enter(book, 2, failure=Failure("RegistryAway", "", ""))
    book.note_image(1, SettledImage())
    assert started(book) == [1]
    settled = book.note_image(2, SettledImage())
    assert (settled.failure.cause, settled.waiting) == ("Queued", None)
