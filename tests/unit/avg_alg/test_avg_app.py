"""The algorithm run as in a container: a process with arguments, an environment and files."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import make_employees
import probes
import pytest

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "avg_alg" / "app.py"
EMPLOYEES = ROOT / "csv" / "employees.csv"
# The algorithm probes no network address, and "localhost" resolves without a DNS server.
QUIET = {"PATH": os.environ["PATH"], "DNS_PROBE": "localhost"}


def run(*args, env=None):
    command = [sys.executable, str(APP), *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, env=env or QUIET, timeout=100, check=False
    )


def failed(done, code, *words):
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "Remedy: " in done.stderr
    for word in words:
        assert word in done.stderr
    return True


@pytest.fixture
def csv_file(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("Id,Age\n1,40\n2,\n3,43\n")
    return file


@pytest.fixture
def closed_port():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


@pytest.fixture
def answering():
    """Return a function that starts a small server with a fixed answer and returns host:port."""
    listeners = []

    def start(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


def test_a_good_run(csv_file, tmp_path):
    output = tmp_path / "avg.txt"
    done = run(csv_file, "Age", output)
    assert done.returncode == 0, done.stderr
    assert output.read_text() == "41.5\n"
    assert output.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] != []
    assert not list(tmp_path.glob(".avg*"))
    assert "3 rows, 2 values, 1 missing" in done.stdout
    assert "average of Age: 41.5" in done.stdout
    assert f"output file: {output}" in done.stdout
    assert done.stderr == ""


def test_the_shipped_data(tmp_path):
    values = [line.split(",")[3] for line in EMPLOYEES.read_text().splitlines()[1:]]
    ages = [int(value) for value in values if value]
    assert len(values) == 1200
    assert 0 < len(values) - len(ages) < 120
    assert run(EMPLOYEES, "Age", tmp_path / "avg.txt").returncode == 0
    assert float((tmp_path / "avg.txt").read_text()) == sum(ages) / len(ages)


def test_the_shipped_data_is_what_the_generator_makes(capsys):
    make_employees.main()
    assert capsys.readouterr().out == EMPLOYEES.read_text()


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    (tmp_path / "data.csv").write_bytes(b"\xef\xbb\xbfAge\r\n1\r\n")
    assert run(tmp_path / "data.csv", "Age", tmp_path / "o").returncode == 0


@pytest.mark.parametrize(
    "args",
    [[], ["a"], ["a", "b"], ["a", "b", "c", "1", "2"], ["a", "", "c"]]
    + [["a", "b", "c", text] for text in ("x", "-1", "nan", "inf", "1e9")],
)
def test_usage(args):
    assert failed(run(*args), 2)


def test_help():
    assert "Exit codes" in run("--help").stdout


def test_csv_missing_or_unreadable(tmp_path):
    assert failed(run(tmp_path / "none.csv", "Age", "o"), 3, "No such file")
    assert failed(run(tmp_path, "Age", "o"), 3)
    (tmp_path / "binary").write_bytes(b"Age\n\xff\xfe\n")
    assert failed(run(tmp_path / "binary", "Age", "o"), 3, "UTF-8")


def test_column_missing(csv_file, tmp_path):
    assert failed(run(csv_file, "Height", tmp_path / "o"), 4, "Height", "Id, Age")


def test_not_numeric(tmp_path):
    (tmp_path / "data.csv").write_text("Age\n1\nsecret-value\n")
    done = run(tmp_path / "data.csv", "Age", tmp_path / "o")
    assert failed(done, 5, "row 2", "'Age'")
    assert "secret" not in done.stderr + done.stdout
    assert not (tmp_path / "o").exists()


def test_no_value(tmp_path):
    (tmp_path / "data.csv").write_text("Age\nNA\n")
    assert failed(run(tmp_path / "data.csv", "Age", tmp_path / "o"), 6)


def test_output_not_writable(csv_file, tmp_path):
    assert failed(run(csv_file, "Age", tmp_path / "none" / "o"), 7, "No such file")
    (tmp_path / "folder").mkdir()
    assert failed(run(csv_file, "Age", tmp_path / "folder"), 7)
    assert not list(tmp_path.glob(".folder*"))


def test_sigterm_ends_a_stay_at_once(csv_file, tmp_path):
    command = [sys.executable, str(APP), str(csv_file), "Age", str(tmp_path / "o"), "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=QUIET) as process:
        assert any(line.startswith("staying for 60 s") for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 143  # half of its stay


def test_a_walled_off_network_is_reported(csv_file, tmp_path, closed_port):
    env = QUIET | {"INTERNET_PROBE": closed_port, "PROXY_ADDRESS": closed_port}
    done = run(csv_file, "Age", tmp_path / "o", env=env)
    lines = done.stdout.splitlines()
    refused = "Connection refused"
    assert lines[0].startswith("start: ")
    assert lines[1] == f"network: outbound access to {closed_port} is disabled ({refused})"
    assert lines[2] == f"network: proxy {closed_port} is NOT reachable ({refused})"


def test_an_open_network_is_reported(csv_file, tmp_path, answering):
    internet, proxy = (answering(b"HTTP/1.0 204 No Content\r\n\r\n") for _ in range(2))
    env = QUIET | {"INTERNET_PROBE": internet, "PROXY_ADDRESS": proxy}
    done = run(csv_file, "Age", tmp_path / "o", env=env)
    assert f"network: outbound access to {internet} is ENABLED (HTTP 204)\n" in done.stdout
    assert f"network: proxy {proxy} is reachable\n" in done.stdout
    assert "network: DNS lookups are ENABLED (localhost was found)\n" in done.stdout


def test_nothing_is_tried_without_addresses(csv_file, tmp_path):
    done = run(csv_file, "Age", tmp_path / "o")
    assert "outbound access not checked" in done.stdout
    assert "proxy not checked" in done.stdout


def test_a_bare_connection_counts_as_outbound_but_not_as_the_proxy(answering):
    assert "ENABLED (connected" in probes.outbound_line({"INTERNET_PROBE": answering(b"hello")})
    assert "NOT reachable" in probes.proxy_line({"PROXY_ADDRESS": answering(b"hello")})


@pytest.mark.parametrize("address", ["", "host", "host:", ":80", "host:x", "[::1]:99999"])
def test_probes_never_raise(address):
    assert probes.outbound_line({"INTERNET_PROBE": address}).startswith("network: ")
    assert probes.proxy_line({"PROXY_ADDRESS": address}).startswith("network: ")


def test_a_silent_dns_is_disabled_dns(monkeypatch):
    def look_up(*_args, **_options):
        time.sleep(0.3)
        raise socket.gaierror(socket.EAI_AGAIN, "try later")

    monkeypatch.setattr(probes, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(probes.socket, "getaddrinfo", look_up)
    assert "disabled (no DNS answer" in probes.dns_line({})


@pytest.mark.parametrize(
    ("code", "words"),
    [(socket.EAI_AGAIN, "disabled (try later)"), (socket.EAI_NONAME, "ENABLED (answer for")],
)
def test_what_the_dns_answers(monkeypatch, code, words):
    def look_up(*_args, **_options):
        raise socket.gaierror(code, "try later")

    monkeypatch.setattr(probes.socket, "getaddrinfo", look_up)
    assert words in probes.dns_line({})


def test_a_large_file_takes_constant_memory(tmp_path):
    file = tmp_path / "large.csv"
    with file.open("w") as stream:
        stream.write("Id,Age\n")
        block = "".join(f"{number},{number % 90}\n" for number in range(100_000))
        for _ in range(8):
            stream.write(block)
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv.pop(1)); import app;"
        "code = app.main(sys.argv[1:]);"
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )

    def peak_kib(csv):
        command = [sys.executable, "-c", code, str(APP.parent), str(csv), "Age"]
        done = subprocess.run(
            [*command, str(tmp_path / "o")], capture_output=True, text=True, env=QUIET, check=True
        )
        return int(done.stdout.rsplit("peak ", 1)[1])

    assert peak_kib(file) - peak_kib(EMPLOYEES) < 4_000
