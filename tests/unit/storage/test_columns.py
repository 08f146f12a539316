import pytest

from node_poc.storage.columns import read_column_names


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"Age,Height\n1,2\n", ["Age", "Height"]),
        (b"\xef\xbb\xbfAge\r\n1\r\n", ["Age"]),
        (b'"a, b","two\nlines",c\n1,2,3\n', ["a, b", "two\nlines", "c"]),
        (b"only", ["only"]),
        (b"", []),
        (b"\xff\xfe\x00", []),
    ],
)
def test_the_header_of_a_csv_file(tmp_path, content, names):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert read_column_names(path) == names


def test_a_file_that_is_not_there_has_none(tmp_path):
    assert read_column_names(tmp_path / "missing.csv") == []
    assert read_column_names(tmp_path) == []


def test_a_file_without_a_line_end_is_not_read_whole(tmp_path):
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.truncate(3 * 1024**3)
    assert read_column_names(path) == []
