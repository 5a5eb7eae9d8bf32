"""Which folder a command means."""

from pathlib import Path

CONFIG = "otklik.yaml"


def workspace_folder(given: Path | None) -> Path:
    """The folder that was named, else the one we stand in, else ``OTKLIK_WORKSPACE``."""
    if given is not None:
        return given
    if Path(CONFIG).is_file():
        return Path()
    from otklik.settings import load_settings

    return load_settings().settings.workspace
