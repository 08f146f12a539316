"""Which column names of a csv file may leave the site: a header's names, never a patient's data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.storage.columns import Columns, read_columns


def read(path):
    return list(read_columns(path).names)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"Age,Height\n1,2\n", ["Age", "Height"]),
        (b"\xef\xbb\xbfAge\r\n1\r\n", ["Age"]),
        (b'"a, b","two\nlines",c\n1,2,3\n', ["a, b", "two\nlines", "c"]),
        (b"only\n5\n", ["only"]),
        (b"only", []),  # a table with a single patient looks the same
        (b"", []),
        (b"\xff\xfe\x00", []),
    ],
)
def test_the_header_of_a_csv_file(tmp_path, content, names):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert read(path) == names


def test_a_file_that_is_not_there_has_none(tmp_path):
    assert read(tmp_path / "missing.csv") == []
    assert read(tmp_path) == []


def test_no_cut_name_is_told_of_a_first_line_without_end(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("age," * 300_000 + "height\n1,2\n")
    told = read_columns(path, is_header=True)
    assert told.names == ()
    assert "first line" in told.withheld


def test_a_file_without_a_line_end_is_not_read_whole(tmp_path):
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.truncate(3 * 1024**3)
    assert read(path) == []


PEOPLE = "63,M,1961-02-03\n70,F,1954-11-30\n58,F,1966-07-01\n"
HEADERS = [
    ("age,sex,birth_date\n" + PEOPLE, None),
    ("\ufeffAge (years),Sex [M/F],date.of.birth\n" + PEOPLE, None),
    ("age;sex;birth_date\n" + PEOPLE.replace(",", ";"), ["age;sex;birth_date"]),
    ("T0,T1,2019_visits\n1,2,3\n4,5,6\n", None),
    ("30_day_mortality,1st_visit,HbA1c_%\n0,1,6.5\n1,1,7.1\n", None),
    ("patient_id,ICD10,stage\nP0001,C34.1,2\nP0002,C50.9,3\n", None),
    ('"","Sepal.Length","Species"\n"1",5.1,"setosa"\n"2",4.9,"setosa"\n', None),
    (",age,sex\n0,63,M\n1,70,F\n", None),
    ("No,Name,Age\n1,Jansen,63\n2,Smith,70\n", None),
    ("leeftijd,geslacht,diagnose_é\n63,M,\n70,,I10\n", None),
    ("sex,smoker\n" + "M,yes\nF,no\nM,no\nF,yes\n" * 5, None),
    ("person_id,year_of_birth,gender_concept_id\n1,1961,8507\n2,1954,8532\n", None),
    ("male,x\n0,1\n1,1\n", []),  # "male" may be a value: only the site can declare a header
    ("country,2018,2019\nNL,1,2\nBE,3,4\n", []),
]
DATA = [
    (PEOPLE, "column 1 holds a number"),
    ("Jansen,Amsterdam,C34.1\nSmith,Utrecht,C50.9\n", "column 3 holds a value of the same form"),
    ("Jansen,Amsterdam\nSmith,Utrecht\n", "nothing in the rows below shows"),
    ("Jansen,Amsterdam\n", "nothing in the rows below shows"),
    ("P0001,lung,C34\nP0002,breast,C50\n", "column 1 holds a value of the same form"),
    ("Jansen,F\nSmith,63\n", "column 2 holds a value such as yes"),
    ("x,unknown\ny,63\n", "column 2 holds a value such as yes"),
    ("x,lung\ny,lung\nz,breast\n", "column 2 holds a value that comes again below"),
    ("x,>90\ny,63\n", "column 2 holds a number"),
    ("x,<LOD\ny,6.5\nz,7.1\n", "column 2 holds a limit of what can be measured"),
    ("x,Niet bepaald\ny,6.5\nz,7.1\n", "column 2 holds a value such as yes"),
    ('x,"63,5"\ny,"70,1"\n', "column 2 holds a number"),
    ("x,1.5e-3\ny,70\n", "column 2 holds a number"),
    ("x,63 kg\ny,70 kg\n", "column 2 holds a number with a unit"),
    ("x,12 jan 2020\ny,1\n", "column 2 holds a date"),
    ("x,2020-01-02T10:00:00Z\ny,1\n", "column 2 holds a date"),
    ("x,2020-01-02\ny,1\n", "column 2 holds a number, a date"),
    ("x,jan@hospital.example\ny,1\n", "column 2 holds an address or an identifier"),
    ("x,95e0a1b2-0000-4000-8000-0123456789ab\ny,1\n", "column 2 holds an address or an ident"),
    ("x,06-12345678\ny,1\n", "column 2 holds a number"),
    ("x,,z\n1,2,3\n", "column 2 has no name"),
    (",M,lung\n5,F,breast\n", "column 1 has no name"),
    ("x,-,z\n1,2,3\n", "column 2 has no name"),
    ("x,y,X\n1,2,3\n", "column 3 has the name of another"),
    ("63;M;80,5\n70;F;75,1\n", "looks like data: column 1"),
    ("Jansen\t63\nSmith\t70\n", "column 2 holds a number"),
    ("Jansen|63\nSmith|70\n", "column 2 holds a number"),
    ("x," + "a long story " * 20 + "\ny,1\n", "column 2 holds a longer text"),
]


@pytest.mark.parametrize(("text", "names"), HEADERS, ids=range(len(HEADERS)))
def test_realistic_headers_are_told(tmp_path, text, names):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    if names is None:
        first = text.lstrip("\ufeff").partition("\n")[0]
        names = [name.strip('"') for name in first.split(",")]
    assert read(path) == names


@pytest.mark.parametrize(("text", "reason"), DATA, ids=range(len(DATA)))
def test_a_row_that_may_be_a_patient_is_not_told(tmp_path, text, reason):
    path = tmp_path / "data.csv"
    path.write_text(text)
    columns = read_columns(path)
    assert columns.names == ()
    assert columns.is_doubtful
    assert reason in columns.withheld
    for cell in text.partition("\n")[0].split(","):
        assert len(cell) < 4 or cell not in columns.withheld


def test_the_site_has_the_last_word(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("country,2018\nNL,1\n")
    assert read_columns(path, is_header=True).names == ("country", "2018")
    path.write_text("age\n1\n")
    assert read_columns(path, is_header=False).names == ()
    assert "csv_header" in read_columns(path, is_header=False).withheld
    assert not read_columns(path, is_header=False).is_doubtful


def test_why_a_file_tells_nothing(tmp_path):
    path = tmp_path / "data.csv"
    assert "No such file" in read_columns(path).withheld
    assert not read_columns(path).is_doubtful
    path.write_bytes("naïve\n1\n".encode("latin-1"))
    assert "UTF-8" in read_columns(path).withheld
    path.write_bytes(b"")
    assert read_columns(path) == Columns()


CELLS = st.one_of(
    st.integers(0, 120).map(str),
    st.dates().map(str),
    st.sampled_from(["M", "F", "yes", "unknown", "", "I10", "C34.1"]),
    st.floats(0, 300, allow_nan=False).map(lambda number: f"{number:.1f}"),
)


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n))))
def test_no_row_of_clinical_values_is_ever_told(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "data.csv"
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    names = [name for name in read_columns(path).names if name]
    assert not any(name in {"M", "F", "yes", "unknown"} or name[:1].isdigit() for name in names)
