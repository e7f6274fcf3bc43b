"""What a person sees of a run: lines that stay, and a bar while an epoch lasts."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

_SECONDS_BETWEEN_LOOKS = 1.0
# Of what every epoch's row has. What comes after it is the method's.
_LAST_OF_ALL = "share_of_time_waiting_for_data"


class Progress:
    """Shows how a run gets on.

    Args:
      speaks: False for a worker that leaves all speaking to the chief.
    """

    def __init__(self, speaks: bool):
        self._speaks = speaks

    def say(self, text: str) -> None:
        if self._speaks:
            tqdm.write(text, file=sys.stdout)

    @contextlib.contextmanager
    def bar(self, title: str, num_steps: int, at_first: str = "") -> Iterator[Bar]:
        """Shows a bar while a block runs, on a terminal only; a log gets the line at the end.

        Args:
          title: what stands before it.
          num_steps: its length.
          at_first: what stands behind it until figures are shown.
        """
        disable = None if self._speaks else True  # None: where there is no terminal.
        with tqdm(total=num_steps, unit="step", desc=title, leave=False, disable=disable) as bar:
            if at_first:
                bar.set_postfix_str(at_first)
            yield Bar(bar)


class Bar:
    """A bar that is shown figures about once a second, since looking at them waits for the device."""

    def __init__(self, bar: tqdm):
        self._bar = bar
        self._shown = time.perf_counter()

    def advance(self) -> bool:
        """Moves on by a step; tells whether it is time to show figures."""
        self._bar.update()
        return time.perf_counter() - self._shown > _SECONDS_BETWEEN_LOOKS

    def show(self, loss: float, accuracy: float) -> None:
        self._bar.set_postfix_str(f"loss {loss:.3f}, accuracy {accuracy:.3f}")
        self._shown = time.perf_counter()


def epoch_line(row: dict[str, Any], num_epochs: int) -> str:
    return (
        f"epoch {row['epoch']}/{num_epochs}: loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}, "
        f"test loss {row['test_loss']:.4f}, test accuracy {row['test_accuracy']:.4f}{figures_of_method(row)}; "
        f"{row['images_per_second']:,.0f} images/s, {row['share_of_time_waiting_for_data']:.0%} of the time waiting for data"
    )


def figures_of_method(row: dict[str, Any]) -> str:
    """Returns what the method added to an epoch's row, which comes after what all rows have, as ", name value"."""
    names = list(row)
    return "".join(f", {name} {row[name]:.4g}" for name in names[names.index(_LAST_OF_ALL) + 1 :])
