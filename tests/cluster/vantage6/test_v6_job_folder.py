"""The temporary folder: shared within a job, never across jobs."""


def test_a_subtask_sees_what_its_parent_left_and_another_job_does_not(asking):
    assert asking.ask("twice_in_one_job") == ["central", "partial"]
    assert asking.ask("remember", name="other", text="o") == ["other"]
