"""Payloads that are complete, cut, altered, large, or not payloads at all."""

import base64
import json
import os
import re
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node_poc.crypto.errors import CryptoError, PayloadError, PublicKeyError
from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import PlainCryptor, RsaCryptor, require_json_object
from node_poc.crypto.streams import DecodeBase64, EncodeBase64, through
from tests.unit.crypto.conftest import VECTORS

KEY = load_private_key(VECTORS["private_key"].encode())
RSA = RsaCryptor(KEY)
PLAIN = PlainCryptor()
PUBLIC = VECTORS["public_key"]
JSON_INPUT = b'{"method": "x", "args": []}'
JSON_TEXT = RSA.encrypt(JSON_INPUT, PUBLIC)
few = settings(max_examples=60, deadline=None)  # each takes an RSA operation with a long key


def cut_into(data, sizes):
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    return [*pieces, data[start:]]


sizes = st.lists(st.integers(0, 40), max_size=30)


@few
@given(st.binary(max_size=3000))
def test_what_is_encrypted_for_us_we_can_read(data):
    # ``data`` is inside a JSON string: plain base64 without JSON would be decoded a second time
    text = b'"' + base64.b64encode(data) + b'"'
    assert RSA.decrypt(RSA.encrypt(text, PUBLIC)) == text


@few
@given(st.binary(max_size=300), sizes, sizes)
def test_blobs_come_in_pieces_of_any_size(data, in_sizes, out_sizes):
    blob = b"".join(through(RSA.encrypt_stream(PUBLIC), cut_into(data, in_sizes)))
    assert b"".join(through(RSA.decrypt_stream(), cut_into(blob, out_sizes))) == data
    assert RSA.decrypt(blob) == data


@given(st.binary(max_size=300), sizes, sizes)
def test_base64_comes_in_pieces_of_any_size(data, in_sizes, out_sizes):
    text = b"".join(through(EncodeBase64(), cut_into(data, in_sizes)))
    assert text == base64.b64encode(data)
    assert b"".join(through(DecodeBase64(), cut_into(text, out_sizes))) == data
    lines = base64.encodebytes(data)  # wrapped lines, as made by some tools
    assert b"".join(through(DecodeBase64(), cut_into(lines, out_sizes))) == data


def decoded(pieces):
    """Return the decoded bytes, or None if the decoder refuses the base64."""
    try:
        return b"".join(through(DecodeBase64(), pieces))
    except CryptoError:
        return None


@given(st.text(alphabet="QUJD=\r\n", max_size=24).map(str.encode), sizes)
@example(b"QQ==\nQQ==", [4, 1])
@example(b"QQ==QQ==", [4, 0])
@example(b"QUJD\r\nQUJD", [5])
def test_where_base64_is_cut_changes_nothing(text, places):
    assert decoded(cut_into(text, places)) == decoded([text])


def refusal_of(cryptor, payload):
    """Return the error's message; "" if the cryptor reads the payload."""
    try:
        cryptor.decrypt(payload)
    except CryptoError as error:
        return str(error)
    return ""


@few
@given(st.text(max_size=200))
@example("")
@example("$")
@example("$$")
@example("$$$")
@example("QQ==$QQ==$QQ==")
@example("é$é$é")
def test_any_text_is_read_or_refused_plainly(text):
    for cryptor in (RSA, PLAIN):
        told = refusal_of(cryptor, text)
        assert len(told) < 300
        assert len(text) < 12 or text not in told


@few
@given(st.binary(max_size=200))
def test_any_blob_is_read_or_refused_plainly(blob):
    for cryptor in (RSA, PLAIN):
        assert len(refusal_of(cryptor, blob)) < 300


@few
@given(st.integers(0, len(JSON_TEXT) - 1), st.integers(1, 127))
def test_an_altered_character_never_passes_for_the_input(place, change):
    altered = chr((ord(JSON_TEXT[place]) + change) % 128)
    text = JSON_TEXT[:place] + altered + JSON_TEXT[place + 1 :]
    try:
        data = RSA.decrypt(text)
        require_json_object(data)
    except PayloadError:
        return
    # vantage6's format does not authenticate the message: an altered message is another message.
    # And the last character of a base64 text contains unused bits.
    assert data == JSON_INPUT or place > JSON_TEXT.rindex("$")


@few
@given(st.integers(0, len(JSON_TEXT) - 1))
def test_a_cut_input_is_noticed(length):
    with pytest.raises(PayloadError):
        require_json_object(RSA.decrypt(JSON_TEXT[:length]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "does not begin with vantage6's header"),
        ("e30=", "does not begin with vantage6's header"),
        ("QQ==$QUFBQUFBQUFBQUFBQUFBQQ==$QQ==", "encrypted for another key"),
        (JSON_TEXT.replace("$", "", 1), "does not begin"),
        (JSON_TEXT.partition("$")[0] + "$QQ==$QQ==", "IV has 1 bytes instead of 16"),
        (JSON_TEXT.rpartition("$")[0] + "$QQ", "cut"),
        (JSON_TEXT.rpartition("$")[0] + "$Q-Q=", "not base64 throughout"),
        (JSON_TEXT.rpartition("$")[0] + "$QQ==QQ==", "not base64 throughout"),
        (JSON_TEXT.rpartition("$")[0] + "$QQ$=", "not base64 throughout"),
        (JSON_TEXT + "é", "not base64 throughout"),
    ],
)
def test_the_cause_is_told(text, told):
    with pytest.raises(PayloadError, match=told):
        RSA.decrypt(text)


def test_a_blob_without_an_end_to_its_header_is_refused_before_it_is_read_whole():
    step = RSA.decrypt_stream()
    assert [step.update(b"A" * 100) for _ in range(40)] == [b""] * 40
    with pytest.raises(PayloadError, match="does not begin"):
        step.update(b"A" * 100)


@pytest.mark.parametrize("binary", [b"\xff\x00", bytes(range(256)), b"plain words, no JSON", b""])
def test_what_upstream_fails_on_is_left_alone(binary):
    assert RSA.decrypt(RSA.encrypt(binary, PUBLIC)) == binary


# A regular expression of our own: Python's decoder also accepts `////=` as base64.
RFC_4648 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def without_second_base64(data):
    """Return the result of ``decrypt`` for plain bytes, computed with all bytes in memory."""
    try:
        json.loads(data)
    except ValueError:
        pass
    else:
        return data
    return base64.b64decode(data) if RFC_4648.fullmatch(data) else data


nearly_base64 = st.text(alphabet="0123456789eE+tru=\n", max_size=12).map(str.encode)


@few
@given(st.binary(max_size=40) | st.binary(max_size=40).map(base64.b64encode) | nearly_base64)
@example(b"true")
@example(b"QQ==\nQQ==")
@example(b"QQ==QQ==")
@example(b"////=")
@example(b"////====")
@example(base64.b64encode(bytes(range(256)) * 9000))
@example(base64.b64encode(bytes(range(256)) * 9000) + b"=QQQ")
@example(b"1" * 4000)
def test_base64_twice_over_is_undone_and_json_is_left_alone(data):
    text = RSA.encrypt(data, PUBLIC)
    assert RSA.decrypt(text) == without_second_base64(data)
    assert b"".join(RSA.decrypted_pieces(memoryview(text.encode()))) == RSA.decrypt(text)


@pytest.mark.parametrize("end", ["*", "Q", "=QQQ"])
def test_what_is_wrong_at_the_end_is_known_before_the_first_piece(end):
    text = RSA.encrypt(os.urandom(3_000_000), PUBLIC)
    with pytest.raises(PayloadError):
        RSA.decrypted_pieces(text + end)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "has no public key"),
        ("", "has no public key"),
        ("not base64!", "cannot be read"),
        ("é", "cannot be read"),
        ("QUFB", "cannot be read"),
        (base64.b64encode(VECTORS["private_key"].encode()).decode(), "cannot be read"),
    ],
)
def test_a_public_key_of_no_use_is_told(key, told):
    for encrypt in (lambda: RSA.encrypt(b"{}", key), lambda: RSA.encrypt_stream(key)):
        with pytest.raises(PublicKeyError, match=told):
            encrypt()


MEGABYTES_50 = 50_000_000


@pytest.fixture(scope="module")
def big():
    return os.urandom(MEGABYTES_50)


def peak_of(work):
    """Return the peak of allocated bytes while ``work`` runs, and the result of ``work``."""
    tracemalloc.start()
    try:
        result = work()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cryptor", [PLAIN, RSA], ids=["plain", "encrypted"])
def test_50_megabytes_take_less_than_four_times_their_size(cryptor, big):
    """The arguments count as well because they stay in memory the whole time."""
    making, text = peak_of(lambda: cryptor.encrypt(big, PUBLIC))
    assert making + len(big) < 4 * MEGABYTES_50
    reading, data = peak_of(lambda: cryptor.decrypt(text))
    assert reading + len(text) < 4 * MEGABYTES_50
    assert data == big


def test_base64_twice_over_takes_no_more(big):
    text = RSA.encrypt(base64.b64encode(big), PUBLIC)  # base64 twice, as sent by the web interface
    reading, data = peak_of(lambda: RSA.decrypt(text))
    assert reading + len(text) < 4 * len(text)
    assert data == big


@pytest.mark.parametrize("wrap", [bytes, base64.b64encode], ids=["once", "twice"])
def test_pieces_take_no_memory(big, wrap):
    text = RSA.encrypt(wrap(big), PUBLIC)
    reading, size = peak_of(lambda: sum(len(piece) for piece in RSA.decrypted_pieces(text)))
    assert size == len(big)
    assert reading < MEGABYTES_50 / 10


RESIDENT = """
import os, re, sys
from pathlib import Path
from tests.unit.crypto.conftest import VECTORS
from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
key = load_private_key(VECTORS["private_key"].encode())
cryptor = {"plain": PlainCryptor, "encrypted": lambda: RsaCryptor(key)}[sys.argv[1]]()
cryptor.decrypt(cryptor.encrypt(b"{}", VECTORS["public_key"]))
data = os.urandom(50_000_000)
text = cryptor.encrypt(data, VECTORS["public_key"])
del data
peak = lambda: print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
peak()
data = cryptor.decrypt(text)
peak()
"""


@pytest.mark.parametrize("kind", ["plain", "encrypted"])
def test_the_process_itself_does_not_grow_beyond_that(kind):
    """tracemalloc measures Python's memory only; this test measures the entire process."""
    command = [sys.executable, "-c", RESIDENT, kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=50)
    after_making, after_reading = (int(size) * 1024 for size in done.stdout.split())
    interpreter = 60_000_000
    assert after_making < 4 * MEGABYTES_50 + interpreter
    assert after_reading < 4 * MEGABYTES_50 + interpreter
