"""``v6-node clean``: removes the Jobs of ended runs, with their pods and logs in the cluster.

Only runs whose results the server has acknowledged. Their folders in ``task_dir`` are out of reach
of a kubeconfig: the node removes them after ``kubernetes.keep_folders_seconds``.
"""

from __future__ import annotations

from node_poc.manage.session import WELL, CommandError, Options, agreed, tell, view_of
from node_poc.manifests import identity


def clean(options: Options, *, yes: bool) -> int:
    """Remove the Jobs. Returns the exit code. Raises CommandError, ClusterError."""
    chosen, objects = options.chosen(), options.objects()
    view = view_of(objects, chosen)
    jobs = (job["metadata"] for job in view.jobs())
    names = [metadata["name"] for metadata in jobs if identity.is_delivered(metadata)]
    if not names:
        tell("no Job of an ended run is left")
    elif not (yes or agreed(f"Remove {len(names)} Jobs of ended runs, with their logs?")):
        raise CommandError("nothing is removed; answer y, or give --yes")
    for name in names:
        objects.delete("Job", view.namespace, name)
        tell(f"job/{name} removed")
    seconds = chosen.config.kubernetes.keep_folders_seconds
    kept = "for ever" if seconds is None else f"for {seconds} s after the delivery"
    tell(f"the node keeps the folders of runs in {chosen.config.task_dir} {kept}")
    return WELL
