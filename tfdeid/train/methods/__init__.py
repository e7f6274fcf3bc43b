"""Training methods, one a file: what a step does with a batch, and which examples are in it."""

from __future__ import annotations

from tfdeid.plugins import Registry
from tfdeid.train.methods.base import Method

STANDARD = "standard"

METHODS: Registry[Method] = Registry(
    "training method",
    "tfdeid.training_methods",
    {STANDARD: "tfdeid.train.methods.standard:Standard", "dp_sgd": "tfdeid.train.methods.dp_sgd:DpSgd"},
    Method,  # type: ignore[type-abstract]
)
