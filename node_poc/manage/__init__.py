"""The command ``v6-node``: makes, starts, watches and removes nodes by a person's kubeconfig."""
