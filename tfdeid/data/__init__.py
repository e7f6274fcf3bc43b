"""Datasets: sources to de-identify, the result's metadata and loading, and batches to train on."""

from tfdeid.data.augment import RandomAffine

__all__ = ["RandomAffine"]
