"""``check`` checks the files that the configuration names and shows the data for the server."""

import tempfile
from pathlib import Path

import pytest

from node_poc import node as node_module
from node_poc.cli import main
from node_poc.config.load import load_config
from node_poc.storage.records import StorageError

KEY = "95e0a1b2-0000-4000-8000-0123456789ab"
TABLE = "age,sex\n63,M\n70,F\n"


@pytest.fixture
def site(capsys):
    """A folder that every user may enter, with methods to write and check a configuration."""

    class Site:
        def __init__(self, folder):
            self.folder = folder
            self.data = folder / "data"
            self.data.mkdir()
            self.table = self.data / "a.csv"
            self.put(TABLE)

        def put(self, text):
            self.table.write_text(text)
            self.table.chmod(0o644)

        def write(self, databases=None, more="", tasks=None):
            if databases is None:
                databases = f"{{label: one, type: csv, uri: {self.table}}}"
            path = self.folder / "node.yaml"
            path.write_text(
                f"api_key: {KEY}\nserver_url: https://server.example\n"
                f"task_dir: {tasks or self.folder / 'tasks'}\ndatabases: [{databases}]\n{more}"
            )
            return path

        def check(self, *words, **parts):
            code = main(["check", "--config", str(self.write(**parts)), *words])
            printed = capsys.readouterr()
            return code, printed.out, printed.err

    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Site(Path(name).resolve())


def test_all_is_good(site):
    code, out, err = site.check()
    assert (code, err) == (0, "")
    assert "node.yaml: no error, " in out
    told = "the server is told of 'one': its type, csv; 2 column names: 'age', 'sex'"
    assert told in out
    assert "warning: databases" not in out


def test_a_missing_file(site):
    code, out, err = site.check(databases=f"{{label: one, type: csv, uri: {site.data}/b.csv}}")
    assert code == 2
    assert f"error: databases[0].uri: {site.data}/b.csv is not there; put a file there" in err
    assert "1 error; the node would not work" in err
    assert "good" not in out


def test_a_file_that_algorithms_cannot_read(site):
    site.table.chmod(0o600)
    code, _, err = site.check()
    assert code == 2
    assert "cannot be read by user 10001" in err
    assert f"`chmod o+r {site.table}`" in err
    code, _, err = site.check(more="kubernetes: {security: {run_as_user: 0}}\n")
    assert (code, err) == (0, "") if site.table.stat().st_uid == 0 else code == 2


def test_a_closed_folder_above(site):
    site.data.chmod(0o700)
    code, out, err = site.check()
    assert (code, err) == (0, "")
    assert f"lies below {site.data}, which is closed to user 10001" in out
    assert f"`chmod o+x {site.data}`" in out
    site.data.chmod(0o755)


def test_a_file_that_is_none_and_a_folder_that_is_none(site):
    folder = f"{{label: two, type: folder, uri: {site.table}}}"
    code, _, err = site.check(databases=f"{{label: one, type: csv, uri: {site.data}}}, {folder}")
    assert code == 2
    assert "databases[0].uri: " in err
    assert "is not a file, as type csv needs" in err
    assert "is not a folder, as type folder needs" in err


def test_another_machines_path(site):
    code, out, err = site.check(databases="{label: one, type: csv, uri: /no/such/place/a.csv}")
    assert (code, err) == (0, "")
    assert "warning: databases[0].uri: /no/such/place/a.csv cannot be seen from here" in out
    assert "if its first row is a header, which cannot be seen from here" in out


def test_elsewhere_looks_at_no_database(site):
    site.table.unlink()
    code, out, err = site.check("--elsewhere")
    assert (code, err) == (0, "")
    assert "no error" in out
    assert "databases[0]" not in out


def test_a_claim_cannot_be_seen(site):
    claims = "{mode: pvc, claim: a, databases_claim: b, databases_root: /databases}"
    code, out, err = site.check(
        databases="{label: one, type: csv, uri: /databases/a.csv}",
        more=f"kubernetes: {{storage: {claims}}}\n",
    )
    assert (code, err) == (0, "")
    assert "cannot be seen from here" in out


def test_a_row_that_looks_like_a_patient_is_told_without_it(site):
    site.put("63,Jansen\n70,Smith\n")
    code, out, err = site.check()
    assert (code, err) == (0, "")
    assert "no column names: the first row looks like data: column 1 holds a number" in out
    assert "kubernetes.csv_header: {one: true}" in out
    assert "Jansen" not in out
    _, out, _ = site.check(more="kubernetes: {csv_header: {one: true}}\n")
    assert "2 column names: '63', 'Jansen'" in out
    _, out, _ = site.check(more="share_config: false\n")
    assert "the server is told nothing of the databases" in out


@pytest.mark.parametrize("label", ["two", "service"])
def test_a_header_of_no_csv_is_refused(site, label):
    service = "{label: service, type: sql, uri: 'postgresql://db.example/x'}"
    code, _, err = site.check(
        databases=service, more=f"kubernetes: {{csv_header: {{{label}: true}}}}\n"
    )
    assert code == 2
    assert f"kubernetes.csv_header.{label}: " in err


def test_a_database_that_leads_to_task_dir_by_a_link(site, monkeypatch, capsys):
    tasks = site.folder / "tasks"
    tasks.mkdir()
    (tasks / "inner").mkdir()
    (site.data / "link").symlink_to(tasks)
    (site.data / "above").symlink_to(site.folder)
    (site.data / "below").symlink_to(tasks / "inner")
    for name, why in (("link", "lies in"), ("above", "holds"), ("below", "lies in")):
        database = f"{{label: one, type: folder, uri: {site.data / name}}}"
        code, _, err = site.check(databases=database)
        assert code == 2
        assert f"databases[0].uri: by a link or mount of this machine it {why} task_dir" in err
        path = site.write(databases=database)
        assert main(["render", "vantage6", "--config", str(path)]) == 2
        assert "by a link or mount" in capsys.readouterr().err
        with pytest.raises(StorageError, match="by a link or mount"):
            node_module.run_node(load_config(path, {}), site.folder, context=None, health_port=0)


def test_a_folder_that_holds_the_key_or_the_configuration(site, capsys):
    database = f"{{label: one, type: folder, uri: {site.folder}}}"
    other = tempfile.gettempdir() + "/no-tasks-here"
    code, _, err = site.check(databases=database, tasks=other)
    assert code == 2
    assert "databases[0].uri: holds this configuration file" in err
    path = site.write(databases=database, tasks=other)
    assert main(["render", "vantage6", "--config", str(path)]) == 2
    printed = capsys.readouterr()
    assert "holds this configuration file" in printed.err
    assert printed.out == ""
