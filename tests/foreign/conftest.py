"""Clients of other languages are tested only where their packages are installed."""

from pathlib import Path

HERE = Path(__file__).parent

collect_ignore_glob = [
    f"{folder.name}/*"
    for folder in HERE.iterdir()
    if folder.is_dir() and not (folder / "node_modules").is_dir()
]
