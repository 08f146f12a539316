"""The file of the private key, and the command that creates the file."""

import os
import stat

import pytest

from node_poc.cli import main
from node_poc.crypto.errors import PrivateKeyError
from node_poc.crypto.keys import public_key_text
from node_poc.storage.private_key import KeyFileError, read_private_key, write_private_key
from tests.unit.crypto.conftest import VECTORS

PEM = VECTORS["private_key"].encode()


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read_it(tmp_path):
    before = os.umask(0)
    try:
        write_private_key(tmp_path / "key.pem", PEM, overwrite=False)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "key.pem") == 0o600
    assert public_key_text(read_private_key(tmp_path / "key.pem")) == VECTORS["public_key"]
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


def test_a_key_that_is_there_stays(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(b"the old one")
    with pytest.raises(KeyFileError, match="is there already"):
        write_private_key(path, PEM, overwrite=False)
    assert path.read_bytes() == b"the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


def test_unless_it_is_to_be_overwritten_and_then_its_mode_is_right(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(b"the old one")
    path.chmod(0o644)
    write_private_key(path, PEM, overwrite=True)
    assert path.read_bytes() == PEM
    assert mode_of(path) == 0o600


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(KeyFileError, match="No such file"):
        write_private_key(tmp_path / "nowhere/key.pem", PEM, overwrite=False)


def test_what_cannot_be_read_is_told_with_its_path(tmp_path):
    with pytest.raises(PrivateKeyError, match=r"none\.pem: .*No such file.*Secret"):
        read_private_key(tmp_path / "none.pem")
    with pytest.raises(PrivateKeyError, match="cannot be read"):
        read_private_key(tmp_path)
    (tmp_path / "empty.pem").write_bytes(b"")
    with pytest.raises(PrivateKeyError, match=r"empty\.pem: .*is empty"):
        read_private_key(tmp_path / "empty.pem")


def test_the_command_makes_a_key_and_prints_the_public_one(tmp_path, capsys):
    path = tmp_path / "org.pem"
    assert main(["create-private-key", "-o", str(path)]) == 0
    told = capsys.readouterr()
    key = read_private_key(path)
    assert key.key_size == 4096
    assert told.out == public_key_text(key) + "\n"
    assert "render vantage6" in told.err
    assert str(path) in told.err

    before = path.read_bytes()
    assert main(["create-private-key", "-o", str(path)]) == 1
    told = capsys.readouterr()
    assert "is there already" in told.err
    assert told.out == ""
    assert path.read_bytes() == before

    assert main(["create-private-key", "-o", str(path), "--overwrite"]) == 0
    assert path.read_bytes() != before
