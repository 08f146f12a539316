"""A large command takes little time: code that holds Python's lock delays all other runs."""

import time

from tests.fakes.station import payload


def test_four_megabytes_take_a_moment_of_the_processor(station, emitter):
    large = payload(2, docker_input="a" * 4_000_000)
    assert emitter.post(payload(1))["accepted"]
    began = time.process_time()
    assert emitter.post(large)["accepted"]
    # A check byte by byte in Python took ten times as long.
    assert time.process_time() - began < 0.35
    assert (station.task_dir / "2" / "docker_input").stat().st_size == 4_000_000
