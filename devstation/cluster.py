"""The cluster in use, the dev cluster or CONTEXT's, and ``kubectl`` on the cluster."""

from __future__ import annotations

import json
import os
from typing import Any

from devcluster import target
from devcluster.errors import DevClusterError
from devcluster.layout import Layout
from devcluster.registry import Client
from devstation.commands import Tell, quiet, read
from devstation.errors import StationError
from node_poc.manifests.yaml_output import to_yaml

Object = dict[str, Any]
_NODE = "v6_node_poc"


class Cluster:
    """``kubectl``, and the addresses that manifests need.

    Attributes:
        settings: the variables of ``python3 -m devcluster env``.
        context: the user's kubectl context in place of the dev cluster, if any.
    """

    def __init__(self, tell: Tell = quiet) -> None:
        """Read the settings without a request to the cluster; ``tell`` shows each change.

        Raises:
            StationError: the settings in the environment make no sense.
        """
        try:
            chosen = target.resolve(Layout.chosen(os.environ))
        except DevClusterError as error:
            raise StationError(str(error)) from error
        self._target = chosen
        self._tell = tell
        self.context = chosen.context
        self.settings = chosen.variables()

    @property
    def images(self) -> str:
        """The registry of the images in manifests. Raise StationError."""
        return self._setting("IMAGE_REGISTRY", "REGISTRY", "name the registry of the images")

    @property
    def server_ip(self) -> str:
        """The address of this machine for pods. Raise StationError."""
        remedy = "give this machine's address as pods reach it"
        return self._setting("SERVER_IP", "SERVER_IP", remedy)

    @property
    def outside(self) -> str:
        """The ``address:port`` in place of the internet. Raise StationError."""
        return self._setting("OUTSIDE", "OUTSIDE", "give an address outside of the cluster")

    def _setting(self, name: str, given: str, remedy: str) -> str:
        if not self.settings.get(name):
            raise StationError(f"{given} is not set: {remedy}")
        return self.settings[name]

    def image(self, name: str) -> str:
        """Return the full name of one of the project's images."""
        return f"{self.images}/{name}"

    def node_image(self) -> str:
        """Return the node's image: by digest in the dev cluster, by name on an existing cluster.

        Raises:
            StationError: the dev cluster's registry does not answer, or lacks the image.
        """
        layout = self._target.layout
        if layout is None:
            return self.image(_NODE)
        try:
            found = Client(layout.registry).manifest(_NODE, "latest")
        except DevClusterError as error:
            raise StationError(str(error)) from error
        if found is None:
            raise StationError(f"the registry lacks the image {_NODE}: make images")
        return f"{self.image(_NODE)}@{found[0]}"

    def kubectl(self, *arguments: str, text_in: str | None = None, check: bool = True) -> str:
        """Run ``kubectl`` and return its output.

        Raises:
            StationError: the command failed. Without ``check``, the output is returned instead,
                together with the error output.
        """
        command = (*self._target.kubectl, *arguments)
        variables = self._target.environment
        return read(command, text_in=text_in, environment=variables, check=check)

    def get(self, kind: str, *arguments: str, namespace: str = "default") -> list[Object]:
        """Return the objects of a kind in a namespace."""
        text = self.kubectl("-n", namespace, "get", kind, "-o", "json", *arguments)
        items: list[Object] = json.loads(text)["items"]
        return items

    def apply(self, *objects: Object) -> None:
        """Apply objects."""
        self.apply_text(to_yaml(objects))

    def apply_text(self, text: str) -> None:
        """Apply the objects of a YAML text."""
        self._show(self.kubectl("apply", "-f", "-", text_in=text))

    def delete(self, *objects: Object) -> None:
        """Delete objects and wait for their ends; objects that are already gone are no error."""
        arguments = ("--ignore-not-found", "--wait=true", "-f", "-")
        self._show(self.kubectl("delete", *arguments, text_in=to_yaml(objects)))

    def delete_namespace(self, name: str, *, wait: bool = True) -> None:
        """Delete a namespace and its nodes' policies for Jobs, which are in no namespace.

        Without ``wait``, Kubernetes empties the namespace later.
        """
        self._delete_job_policies(name)
        waiting = ("--timeout=180s",) if wait else ("--wait=false",)
        self._show(self.kubectl("delete", "namespace", name, "--ignore-not-found", *waiting))

    def _delete_job_policies(self, namespace: str) -> None:
        kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
        selector = f"app.kubernetes.io/part-of=v6-node,vantage6.ai/namespace={namespace}"
        self._show(self.kubectl("delete", kinds, "-l", selector, "--ignore-not-found"))

    def _show(self, output: str) -> None:
        for line in output.splitlines():
            self._tell(line)
