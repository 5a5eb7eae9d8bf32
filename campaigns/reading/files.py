"""Reading a file of a workspace: never outside of it, and never more than is asked for."""

from pathlib import Path

from core.reading.problems import Problems


def read_within(root: Path, path: Path, file: str, limit: int, problems: Problems) -> bytes | None:
    """The bytes of ``path``, which ``problems`` call ``file``; None, and why, if it leads out or has over ``limit``."""
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            problems.add(file, 0, "this leads out of the workspace; put the file itself here")
            return None
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        problems.add(file, 0, f"cannot be read: {error.strerror or error}")
        return None
    if len(content) > limit:
        problems.add(file, 0, f"larger than {limit // 1000} kB; shorten it")
        return None
    return content
