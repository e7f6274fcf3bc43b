"""`tfdeid deid`: de-identifies a dataset, as `python -m beam.deid` does."""

from __future__ import annotations

from beam.deid import run

__all__ = ["run"]
