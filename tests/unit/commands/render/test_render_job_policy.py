"""``render job-policy``: whose Jobs the policy is about."""

from rendered import only


def test_the_policy_for_jobs_concerns_the_account_of_this_node(station):
    alone = station(what="job-policy")
    assert alone == [o for o in station() if o["kind"].startswith("ValidatingAdmission")]
    account = only(station(), "ServiceAccount")["metadata"]["name"]
    (condition,) = alone[0]["spec"]["matchConditions"]
    assert condition["expression"].endswith(f'"system:serviceaccount:v6-jobs:{account}"')


def test_the_policy_of_the_dummy_servers_node_concerns_its_account(station):
    text = "server_url: http://192.0.2.1\ntask_dir: /tasks\n"
    policy, _ = station(text, what="job-policy")
    (condition,) = policy["spec"]["matchConditions"]
    assert condition["expression"].endswith('"system:serviceaccount:v6-jobs:v6-node"')
