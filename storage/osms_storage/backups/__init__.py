"""Backups: a store at one moment in one file, and back again."""

from osms_storage.backups.archive import Archive, Manifest, Progress
from osms_storage.backups.transfer import back_up, restore

__all__ = ["Archive", "Manifest", "Progress", "back_up", "restore"]
