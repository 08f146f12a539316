"""Certificates, keys and kubeconfigs of a cluster, made with openssl.

One authority signs everything. Certificates are valid for ten years: no dev cluster is that old.
"""

from pathlib import Path

from devcluster.layout import Layout
from devcluster.render import kubeconfig
from devcluster.shell import run

DAYS = "3650"


def make(layout: Layout) -> None:
    """Make the authority and every certificate that does not belong to one node.

    Raises:
        CommandError: openssl failed.
    """
    folder = layout.pki_dir
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _authority(folder)
    _key(folder / "sa.key")
    run(["openssl", "pkey", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub"])
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost")
    addresses = (layout.api_service_ip, layout.node_ip(1), "127.0.0.1")
    sans = [f"DNS:{name}" for name in names] + [f"IP:{address}" for address in addresses]
    _issue(folder, "apiserver", "/CN=kube-apiserver", sans)
    _issue(folder, "etcd", "/CN=etcd", ["IP:127.0.0.1", "DNS:localhost"])
    _issue(folder, "apiserver-kubelet", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    _user(layout, layout.kubeconfig, "admin", "/O=system:masters/CN=admin")
    for user in ("kube-controller-manager", "kube-scheduler"):
        _user(layout, folder / f"{user}.conf", user, f"/CN=system:{user}")


def make_node(layout: Layout, number: int) -> Path:
    """Make the kubeconfig of one node's kubelet and return its path."""
    name = layout.node_name(number)
    path = layout.pki_dir / f"kubelet-{name}.conf"
    _user(layout, path, f"kubelet-{name}", f"/O=system:nodes/CN=system:node:{name}")
    return path


def _authority(folder: Path) -> None:
    _key(folder / "ca.key")
    request: list[str | Path] = [
        "openssl",
        "req",
        "-x509",
        "-new",
        "-key",
        folder / "ca.key",
        "-subj",
        "/CN=v6-devcluster",
    ]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"]
    run([*request, "-days", DAYS, *usage, "-out", folder / "ca.crt"])


def _key(path: Path) -> None:
    """Make a private key readable by root only (openssl gives the file mode 0600)."""
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])


def _issue(folder: Path, name: str, subject: str, sans: list[str] | None = None) -> None:
    """Make ``name``.key and ``name``.crt for ``subject``; ``sans`` as in ``DNS:localhost``."""
    key = folder / f"{name}.key"
    _key(key)
    extensions = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth,clientAuth"]
    if sans:
        extensions.append(f"subjectAltName={','.join(sans)}")
    request = run(["openssl", "req", "-new", "-key", key, "-subj", subject])
    settings = folder / f"{name}.ext"
    settings.write_text("\n".join(extensions) + "\n")
    signer: list[str | Path] = [
        "-CA",
        folder / "ca.crt",
        "-CAkey",
        folder / "ca.key",
        "-CAcreateserial",
    ]
    sign: list[str | Path] = [
        "openssl",
        "x509",
        "-req",
        *signer,
        "-days",
        DAYS,
        "-extfile",
        settings,
    ]
    run([*sign, "-out", folder / f"{name}.crt"], stdin=request)
    settings.unlink()


def _user(layout: Layout, path: Path, name: str, subject: str) -> None:
    """Write the kubeconfig of a user with its own client certificate."""
    folder = layout.pki_dir
    _issue(folder, name, subject)
    texts = [(folder / file).read_bytes() for file in ("ca.crt", f"{name}.crt", f"{name}.key")]
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(kubeconfig(layout.name, layout.api_server, name, *texts))
