"""A number and its noun in English, for what is said in English only: commands, errors, logs."""


def counted(number: int, one: str, several: str = "") -> str:
    """``1 row``, ``1,240 rows``; ``several`` where that takes more than an s: counted(2, "file is", "files are").

    What people read in their own language stands in the catalogue, with its plurals.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
