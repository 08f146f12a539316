"""Whole numbers in text."""

import pytest

from node_poc.runs.digits import is_number, number_or_none


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("12345678901234567890", None)])
def test_ascii_digits_are_a_number(text, number):
    assert is_number(text)
    assert number_or_none(text) == (int(text) if number is None else number)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1\n", "1_0", "\u00b2", "\u0663"])
def test_other_text_is_no_number(text):
    assert not is_number(text)
    assert number_or_none(text) is None


def test_no_text_is_no_number():
    assert number_or_none(None) is None
