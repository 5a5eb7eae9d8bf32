"""Segments that come with the program: ``include: textbook``."""

from functools import cache
from importlib.resources import files

from core.reading.yaml import Mapping, read_yaml

TEXTBOOK = "textbook"
FILE = "textbook.yaml"


@cache
def textbook() -> Mapping:
    """The file's segments as they stand there."""
    node = read_yaml(files("campaigns.segments").joinpath(FILE).read_bytes(), FILE)
    if not isinstance(node, Mapping):
        raise TypeError(f"{FILE} holds no segments")
    return node
