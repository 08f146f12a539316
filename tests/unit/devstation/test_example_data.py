"""The parts of the example data."""

from devstation.example_data import deal

TABLE = 'Name,Age\n"Smith, J.",1\nb,2\nc,3\n'


def test_each_part_has_the_header_and_every_row_is_in_one_part():
    assert deal(TABLE, 2) == ['Name,Age\n"Smith, J.",1\nc,3\n', "Name,Age\nb,2\n"]


def test_a_single_part_is_the_whole_table():
    assert deal(TABLE, 1) == [TABLE]
