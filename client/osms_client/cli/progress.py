"""A progress bar on a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from osms_client.cli.console import err

Tell = Callable[[str, int, int], None]
"""Says how far the work has come: a text, what is done, what there is."""


@contextmanager
def progress_bar() -> Iterator[Tell]:
    """Show a bar on the terminal while work goes on; it may be told from any thread."""
    console = err()
    if not console.is_terminal:
        yield lambda text, done, total: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    with Progress(
        *columns, TaskProgressColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("", total=None)

        def tell(text: str, done: int, total: int) -> None:
            progress.update(task, description=text, completed=done, total=total)

        yield tell
