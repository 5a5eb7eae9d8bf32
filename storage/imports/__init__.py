"""Customers and their histories out of files, into the store: streamed, checked row by row, safe to repeat."""

from storage.imports.columns import ColumnMap, UnmappedColumns, fields, guess_columns
from storage.imports.encodings import UnreadableFile
from storage.imports.loader import Inspection, import_customers, import_events, inspect
from storage.imports.options import (
    ChannelCount,
    ConsentGrant,
    CustomerOptions,
    EventOptions,
    ImportOptions,
    ImportSummary,
    Progress,
)
from storage.imports.sources import SourceOptions

__all__ = [
    "ChannelCount",
    "ColumnMap",
    "ConsentGrant",
    "CustomerOptions",
    "EventOptions",
    "ImportOptions",
    "ImportSummary",
    "Inspection",
    "Progress",
    "SourceOptions",
    "UnmappedColumns",
    "UnreadableFile",
    "fields",
    "guess_columns",
    "import_customers",
    "import_events",
    "inspect",
]
