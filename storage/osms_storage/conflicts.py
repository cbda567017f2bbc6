"""What an insert does with a row whose key exists; both engines say it in the same words."""

from collections.abc import Sequence

from sqlalchemy import Table


def conflict_clause(table: Table, update: Sequence[str] | None, merge: str | None) -> str:
    """Return the clause: take over these columns, leave the row alone (empty), or fail (None).

    ``merge`` names a column whose bits are added to the row's own instead.
    """
    key = ", ".join(column.name for column in table.primary_key.columns)
    if merge is not None:
        both = f"{table.name}.{merge} | excluded.{merge}"
        # A row that has the bits already is not written again.
        return (
            f" ON CONFLICT ({key}) DO UPDATE SET {merge} = {both}"
            f" WHERE {both} <> {table.name}.{merge}"
        )
    if update is None:
        return ""
    if not update:
        return f" ON CONFLICT ({key}) DO NOTHING"
    taken = ", ".join(f"{name} = excluded.{name}" for name in update)
    return f" ON CONFLICT ({key}) DO UPDATE SET {taken}"
