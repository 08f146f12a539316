"""A real Kubernetes cluster on one Linux machine, made from package registries alone.

For people and CI without a cluster: ``python3 -m devcluster up``. The package uses the standard
library only, because it must run on a machine without any installed packages.
"""
