"""Who works at this terminal: stands in the audit beside what was done."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.actors import Actor


def operator(name: str = "") -> "Actor":
    """Who is named, else the user of this machine; nameless in a container without users."""
    import getpass

    from core.actors import Actor

    if name:
        return Actor("operator", name)
    try:
        return Actor("operator", getpass.getuser())
    except (KeyError, OSError):
        return Actor("operator")
