"""A real Kubernetes on one Linux machine, made from package registries alone.

For people and CI that have no cluster: `python3 -m devcluster up`. Standard library only, because
it must run on a machine where nothing is installed yet.
"""
