"""Tables of plain text, as commands print them."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], widths: Sequence[int] = (), names: int = 1, gap: int = 2) -> list[str]:
    """Returns a line for each row, with columns side by side: names flush left, figures flush right.

    Args:
      rows: cells, of which each row has as many; the first row is usually the titles.
      widths: the least width of each column, in characters; () for what the cells need.
      names: the first columns, so many, hold names.
      gap: spaces between columns.
    """
    needed = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sized = [max(pair) for pair in zip(needed, widths, strict=True)] if widths else needed
    return [(" " * gap).join(f"{cell:{'<' if k < names else '>'}{sized[k]}}" for k, cell in enumerate(row)) for row in rows]
