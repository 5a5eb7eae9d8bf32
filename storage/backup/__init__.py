"""Backups: the whole store in one file that either database reads, and the way back."""

from storage.backup.archive import FORMAT, ArchiveReader, ArchiveWriter, DamagedBackup, Manifest, TablePart
from storage.backup.restoring import NotEmpty, Restored, restore
from storage.backup.snapshots import snapshot

__all__ = [
    "FORMAT",
    "ArchiveReader",
    "ArchiveWriter",
    "DamagedBackup",
    "Manifest",
    "NotEmpty",
    "Restored",
    "TablePart",
    "restore",
    "snapshot",
]
