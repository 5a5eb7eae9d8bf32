"""The nodes of :mod:`core.reading`, under the names by which this room knows them."""

from core.reading.yaml import MAX_BYTES, Mapping, Node, Plain, Scalar, Sequence, from_plain, read_yaml

__all__ = ["MAX_BYTES", "Mapping", "Node", "Plain", "Scalar", "Sequence", "from_plain", "read_yaml"]
