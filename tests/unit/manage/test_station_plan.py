"""What is applied, what is removed, and what a difference shows."""

import base64

from node_poc.manage.plan import (
    Change,
    Key,
    Notes,
    changes,
    key_of,
    prepared,
    show_difference,
    superfluous,
)
from node_poc.manifests import identity

LABEL = "hospital-a-18276cb8"
NOTES = Notes("hospital-a", "https://server.example", "study", "hospital")


def made(kind, name, **more):
    labels = {identity.LABEL_PART_OF: identity.PART_OF}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "v6-a", "labels": labels},
        **more,
    }


def test_each_object_gets_the_nodes_label_and_the_rendered_one_stays_as_it_is():
    policy = made("NetworkPolicy", "walls")
    (changed,) = prepared([policy], LABEL, NOTES)
    assert changed["metadata"]["labels"][identity.LABEL_NODE] == LABEL
    assert identity.LABEL_NODE not in policy["metadata"]["labels"]


def test_the_namespace_notes_its_maker_and_belongs_to_no_node():
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "v6-a"}}
    (changed,) = prepared([namespace], LABEL, NOTES)
    assert changed["metadata"]["annotations"] == {identity.ANNOTATION_MADE_BY: LABEL}
    assert changed["metadata"]["labels"] == {}


def test_a_secret_is_encoded_so_that_a_removed_value_goes():
    (changed,) = prepared([made("Secret", "s", stringData={"key": "väl"})], LABEL, NOTES)
    assert "stringData" not in changed
    assert base64.b64decode(changed["data"]["key"]).decode() == "väl"


def test_only_the_nodes_deployment_gets_the_notes():
    node, proxy = made("Deployment", "node"), made("Deployment", "proxy")
    node["metadata"]["labels"][identity.LABEL_COMPONENT] = "node"
    proxy["metadata"]["labels"][identity.LABEL_COMPONENT] = "proxy"
    noted, plain = prepared([node, proxy], LABEL, Notes("hospital-a", "https://server.example"))
    assert noted["metadata"]["annotations"] == {
        identity.ANNOTATION_NODE_NAME: "hospital-a",
        identity.ANNOTATION_SERVER: "https://server.example",
    }
    assert "annotations" not in plain["metadata"]


def test_what_the_file_asks_for_no_more_is_superfluous():
    kept, gone = made("Secret", "kept"), made("Secret", "gone")
    assert superfluous([kept, gone], [kept]) == [gone]


def test_objects_of_others_are_never_superfluous():
    foreign = made("Secret", "foreign")
    del foreign["metadata"]["labels"]
    owned = made("Secret", "owned")
    owned["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "run-1"}]
    assert superfluous([foreign, owned], []) == []


def test_a_name_in_another_namespace_is_another_object():
    here, there = made("Secret", "s"), made("Secret", "s")
    there["metadata"]["namespace"] = "v6-b"
    assert superfluous([there], [here]) == [there]


def test_each_change_has_its_verb():
    before = made("ConfigMap", "c", data={"a": "1"})
    same = before | {"metadata": before["metadata"] | {"resourceVersion": "7", "uid": "u"}}
    other = made("ConfigMap", "c", data={"a": "2"})
    key = Key("ConfigMap", "v6-a", "c")
    assert key_of(before) == key
    assert Change(key, None, before).verb == "created"
    assert Change(key, before, same).verb == "unchanged"
    assert Change(key, before, other).verb == "changed"
    (removed,) = changes({}, [], [before])
    assert (removed.key, removed.verb) == (key, "removed")


def test_a_difference_shows_lines_and_no_value_of_a_secret():
    before = made("Secret", "s", data={"same": "c2FtZQ==", "old": "b2xkLXNlY3JldA=="})
    after = made("Secret", "s", data={"same": "c2FtZQ==", "old": "bmV3LXNlY3JldA=="})
    note = "kubectl.kubernetes.io/last-applied-configuration"
    before["metadata"]["annotations"] = {note: "b2xkLXNlY3JldA=="}
    lines = list(show_difference(Change(key_of(before), before, after)))
    assert "-  old: (secret, former value)" in lines
    assert "+  old: (secret, new value)" in lines
    assert not any(value in "\n".join(lines) for value in ("b2xk", "bmV3", "c2FtZQ"))


def test_a_difference_of_a_new_object_has_all_its_lines():
    lines = list(
        show_difference(Change(Key("X", None, "c"), None, made("ConfigMap", "c", data={"a": "1"})))
    )
    assert "+  a: '1'" in lines
    assert not [line for line in lines if line.startswith("-") and not line.startswith("---")]
