"""Checks a de-identified dataset: that it is whole, and with source and key that it is what de-identification makes."""

from tfdeid.verify.dataset import verify
from tfdeid.verify.owner import Owner
from tfdeid.verify.verification import Problem, Verification

__all__ = ["Owner", "Problem", "Verification", "verify"]
