"""Re-identification: whether records show who is in them, to attackers who have other pictures of the same people.

`reidentify` is all that others need. A recognizer is one file in `recognizers/`; `base` has what it derives from.
"""

from tfdeid.attack.identity.findings import IdentityFindings
from tfdeid.attack.identity.options import IdentityOptions
from tfdeid.attack.identity.reidentify import reidentify

__all__ = ["IdentityFindings", "IdentityOptions", "reidentify"]
