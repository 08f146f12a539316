import pytest
from server_settings import DEFAULT_FILE, ServerSettings, SettingsError, load, parse

GOOD = "server_ip: 172.30.0.1\nport: 5000\n"


def test_the_shipped_file_is_good():
    assert load(DEFAULT_FILE) == ServerSettings("172.30.0.1", 5000)


@pytest.mark.parametrize("ip", ["10.0.0.1", "0.0.0.0", '"::1"'])
def test_addresses(ip):
    assert parse(f"server_ip: {ip}\nport: 1", "f").server_ip == ip.strip('"')


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("", "whole file", "key: value"),
        ("- a\n", "whole file", "key: value"),
        (GOOD + "prot: 1\n", "prot", "not a known key"),
        (GOOD + "port: 1\n", "line 3", "stands twice"),
        ("port: 5000\n", "server_ip", "is missing"),
        ("server_ip: 172.30.0.1\n", "port", "is missing"),
        ("server_ip: 1\nport: 1\n", "server_ip", "as text"),
        ("server_ip: my.host\nport: 1\n", "server_ip", "ip addr"),
        ("server_ip: 999.1.1.1\nport: 1\n", "server_ip", "IPv4"),
        ("server_ip: 172.30.0.1\nport: '5000'\n", "port", "without quotes"),
        ("server_ip: 172.30.0.1\nport: yes\n", "port", "whole number"),
        ("server_ip: 172.30.0.1\nport: 70000\n", "port", "65535"),
        ("server_ip: 172.30.0.1\nport: 5.5\n", "port", "whole number"),
        ("server_ip:\t172.30.0.1\nport: 1\n", "line 1", "spaces instead"),
        ("server_ip: [1\n", "line 2", "key: value"),
        ("? [1, 2]\n: x\n", "whole file", "key: value"),
        ("server_ip: \x01\n", "whole file", "not YAML"),
    ],
)
def test_each_error_names_file_key_rule_and_remedy(text, key, words):
    with pytest.raises(SettingsError) as caught:
        parse(text, "my.yaml")
    assert str(caught.value).startswith(f"my.yaml: {key}: ") or key == "whole file"
    assert words in str(caught.value)
    assert "Remedy: " in str(caught.value)


def test_a_tab_in_a_comment_is_fine():
    assert parse("# a\tb\n" + GOOD, "f").port == 5000


def test_unreadable_files(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(tmp_path / "binary.yaml")
