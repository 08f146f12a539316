"""Profiles: the kinds of a dev cluster. A cluster keeps its profile as long as it exists."""

from devcluster.errors import UsageError
from devcluster.layout import Layout
from devcluster.profiles.base import Profile
from devcluster.profiles.default import Default
from devcluster.profiles.k3s import K3s

DEFAULT = Default()
PROFILES: dict[str, Profile] = {profile.name: profile for profile in (DEFAULT, K3s())}
#: Name of the file in the state folder with the name of the cluster's profile.
_RECORD = "profile"


def named(name: str) -> Profile:
    """Return the profile of a name.

    Raises:
        UsageError: there is no such profile.
    """
    if name not in PROFILES:
        raise UsageError(f"a profile is one of {', '.join(PROFILES)}, not {name!r}")
    return PROFILES[name]


def of(layout: Layout) -> Profile:
    """Return the profile of an existing cluster.

    Raises:
        UsageError: the cluster was made by another version of this command.
    """
    record = layout.state_dir / _RECORD
    return named(record.read_text().strip()) if record.exists() else DEFAULT


def choose(name: str | None, layout: Layout) -> Profile:
    """Return the profile for ``up``: the existing cluster's, else the named or the default one.

    Raises:
        UsageError: there is no such profile, or the cluster exists with another one.
    """
    if not layout.state_dir.exists():
        return named(name) if name else DEFAULT
    own = of(layout)
    if name and named(name) is not own:
        raise UsageError(
            f"{layout.name} exists with the profile {own.name}, not {name}: take it away first "
            f"(python3 -m devcluster --name {layout.name} down), or use another instance (--index)"
        )
    return own


def record(layout: Layout, profile: Profile) -> None:
    """Write the profile's name to the state folder."""
    (layout.state_dir / _RECORD).write_text(f"{profile.name}\n")
