import math
from fractions import Fraction

import pytest
from average import (
    Average,
    ColumnMissingError,
    NotCsvError,
    NotNumericError,
    NoValueError,
    average_of_column,
)
from hypothesis import given
from hypothesis import strategies as st


def average(text, column="Age"):
    return average_of_column(text.splitlines(keepends=True), column)


def test_values_and_missing_ones_are_counted():
    text = "Id,Age\n1,40\n2,\n3,NA\n4,nan\n5, 42 \n6\n\n"
    assert average(text) == Average(mean=41.0, rows=6, values=2, missing=4)


def test_quoted_fields_and_names():
    assert average('"Name","Age"\n"a, b",1\n"c\nd",2\n').mean == 1.5


@pytest.mark.parametrize("text", ["Id,Name\n1,x\n", " ,\n"])
def test_a_missing_column_names_those_present(text):
    with pytest.raises(ColumnMissingError, match="no column 'Age'"):
        average(text)
    with pytest.raises(ColumnMissingError, match="Id, Name"):
        average("Id,Name\n1,x\n")


def test_an_empty_file():
    with pytest.raises(ColumnMissingError, match="the file is empty"):
        average("")


def test_a_first_line_of_data_is_not_told():
    with pytest.raises(ColumnMissingError, match="looks like data") as caught:
        average("Jane,47\nJoe,50\n")
    assert "Jane" not in str(caught.value)


@pytest.mark.parametrize("value", ["secret", "1,5x", "inf", "-inf", "1e999", "0x10", "--1"])
def test_a_bad_value_is_placed_but_not_told(value):
    with pytest.raises(NotNumericError, match="row 2, column 'Age'") as caught:
        average(f'Age\n1\n"{value}"\n')
    assert value not in str(caught.value).replace("--", "-")
    assert caught.value.__cause__ is None


def test_a_sum_beyond_floats():
    with pytest.raises(NotNumericError, match="larger unit"):
        average("Age\n1e308\n1e308\n")


def test_no_value():
    with pytest.raises(NoValueError, match="no value in 2 rows"):
        average("Age,X\n,1\nNA,1\n")


def test_not_a_csv():
    with pytest.raises(NotCsvError, match="quotes"):
        average('Age\n"' + "x" * 200_000)


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=50))
def test_the_mean_is_as_exact_as_floats_allow(values):
    got = average("Age\n" + "".join(f"{value!r}\n" for value in values)).mean
    exact = float(sum(map(Fraction, values)) / len(values))
    assert math.isclose(got, exact, rel_tol=1e-13, abs_tol=1e-13)


def test_small_values_beside_a_large_one_are_not_lost():
    assert average("Age\n1e16\n" + "1\n" * 2 + "-1e16\n").mean == 0.5
