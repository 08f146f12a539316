"""A node as files for other tools: a Helm chart, or a base of kustomize with overlays.

The objects are those of ``v6-node start``, built by the same builder; this package only writes them
down in another form. No file holds the value of a secret.
"""
