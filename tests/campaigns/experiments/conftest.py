"""A place on each database."""

from tests.campaigns.starts.conftest import place

__all__ = ["place"]
