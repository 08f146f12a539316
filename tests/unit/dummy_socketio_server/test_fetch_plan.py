"""Which files of an unknown algorithm's output the emitter fetches, and which it leaves out."""

import re

import pytest
from fetch_plan import NAMED, Limits, plan, size, writable
from hypothesis import given
from hypothesis import strategies as st


def listing(*files, **more):
    return {"output": [{"path": path, "size": size_bytes} for path, size_bytes in files], **more}


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        *[("0", 0), ("1048576", 1048576), ("500M", 500_000_000), ("1.5gb", 1_500_000_000)],
        *[("4GiB", 4 * 1024**3), ("2 k", 2_000), ("1Ti", 1024**4), ("7b", 7)],
    ],
)
def test_sizes(text, size_bytes):
    assert size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "M", "-1", "1e9", "5X", "5iB", "1_000", "nan", "\u0663M"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        size(text)


def test_a_hundred_sparse_files_are_left_out_and_the_small_one_comes():
    files = [(f"sparse{number}", 10_000_000_000) for number in range(100)]
    made = plan(listing(*files, ("avg.txt", 3)), Limits())
    assert [wanted.path for wanted in made.files] == ["avg.txt"]
    assert (made.total_bytes, len(made.left_out)) == (3, 100)
    notes = made.notes()
    assert "'sparse0' (10,000,000,000 bytes) is larger than --max-file-size" in notes[0]
    assert (len(notes), notes[-1]) == (NAMED + 1, "90 more output files are left out")


def test_what_still_fits_is_taken_in_the_order_of_the_list():
    limits = Limits(file=10, left=15)
    made = plan(listing(("a", 10), ("b", 6), ("c", 5), ("d", 11), ("e", 0)), limits)
    assert [wanted.path for wanted in made.files] == ["a", "c", "e"]
    assert ["--max-size" in made.left_out[0], "--max-file-size" in made.left_out[1]] == [True] * 2
    assert limits == Limits(file=10, left=15)


@pytest.mark.parametrize("told", [None, True, "5", -5, 1.5])
def test_a_size_that_is_none_is_not_trusted(told):
    (wanted,) = plan(listing(("a", told)), Limits()).files
    assert wanted.size_bytes is None


def test_a_list_that_was_cut_says_so():
    assert "more files than the node lists" in plan({"output_truncated": True}, Limits()).notes()[0]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a\x1b[2J", "a%1b[2J"),
        ("a\nb\tc", "a%0ab%09c"),
        ("\u202egpj", "%202egpj"),
        ("a\\x41", "a\\x41"),
    ],
)
def test_names_that_could_steer_a_terminal(name, written):
    assert writable(name) == written
    made = plan(listing((f"deep/{name}", 1)), Limits())
    assert (made.files[0].path, made.files[0].parts) == (f"deep/{name}", ("deep", written))
    assert len(made.renamed) == (name != written)


def test_a_name_that_becomes_anothers_is_left_out():
    made = plan(listing(("a%1b", 1), ("a\x1b", 1), ("a%1b", 1)), Limits())
    assert [wanted.path for wanted in made.files] == ["a%1b"]
    assert all("has the name of a file before it" in text for text in made.left_out)


@given(st.lists(st.tuples(st.text("./a\x1b", max_size=6), st.integers(0, 30))), st.integers(0, 60))
def test_whatever_is_listed_stays_within_the_limits(files, left):
    made = plan(listing(*files), Limits(20, left))
    assert made.total_bytes <= left
    assert all(wanted.size_bytes <= 20 for wanted in made.files)
    assert len({wanted.parts for wanted in made.files}) == len(made.files)
    assert len(made.files) + len(made.left_out) == len(files)
