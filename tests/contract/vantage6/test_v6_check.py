"""`check --online` at a real server: its statements are true, and each mistake has its remedy."""

import pytest

from node_poc.cli import main


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def station(make_station, request):
    return make_station(encrypted=request.param)


def check(station, capsys, **changes):
    station.config = changes
    code = main(["check", "--online", "--config", str(station.write_config())])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_real_server_tells_who_this_node_is(station, capsys):
    code, out, err = check(station, capsys)
    assert (code, err) == (0, "")
    assert "server: vantage6 4." in out
    assert repr(station.identity["name"]) in out
    assert "organization 'alpha'" in out
    assert repr(station.collaboration_name) in out
    assert ("which is encrypted" in out) is station.encrypted


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"api_key": "95e0a1b2-0000-4000-8000-0123456789ab"}, "api_key: the server does not take"),
        ({"api_path": "/elsewhere"}, "api_path: "),
        ({"port": 1}, "server_url, port: nothing listens"),
    ],
)
def test_a_mistake_is_told_with_its_key(make_station, capsys, changes, told):
    station = make_station(encrypted=False)
    code, _, err = check(station, capsys, **changes)
    assert code == 2
    assert told in err
    assert station.identity["api_key"] not in err


def test_encryption_that_differs(station, capsys):
    other = not station.encrypted
    key = str(station.world.private_key("alpha"))
    code, _, err = check(station, capsys, encryption={"enabled": other, "private_key": key})
    assert code == 2
    assert f"set it to {str(station.encrypted).lower()}" in err
