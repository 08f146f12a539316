"""Reasons without the wrapping of nested errors."""

import pytest

from node_poc.runs.error_texts import why_no_answer

REFUSED = "[Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (REFUSED, REFUSED),
        (f"Pool(port=1): url: /x (Caused by Error('<Connection>: {REFUSED}'))", REFUSED),
        (f'Pool(port=1): url: /x (Caused by Error("Connection(port=1): {REFUSED}"))', REFUSED),
        ("", "ValueError"),
    ],
)
def test_the_last_words_tell_the_reason(text, reason):
    assert why_no_answer(ValueError(text)) == reason
