"""How much privacy DP-SGD spends, by Google's dp-accounting: privacy loss distributions of the Gaussian mechanism, composed."""

from __future__ import annotations

import functools
from typing import Any

from tfdeid.errors import DeidError

ACCOUNTANT = "privacy loss distributions (dp-accounting), Poisson sampling, add or remove one"
# Of the noise multiplier, as a share of it.
_TOLERANCE = 1e-3
# Of privacy losses, which are rounded up to it: epsilon is too large by .002 in some thousand steps. The usual 1e-4 would take
# three times as long.
_INTERVAL = 3e-4
# Of Renyi's moments: whole ones have a closed form.
_ORDERS = (*range(2, 257), *(2**k for k in range(9, 14)))


@functools.cache
def noise_multiplier(epsilon: float, delta: float, sampling: float, steps: int) -> float:
    """Returns the noise's standard deviation, as a multiple of the norm that gradients are clipped to.

    Args:
      epsilon: what the finished network may spend, above 0.
      delta: in (0, 1).
      sampling: the probability that an image is in a batch, in (0, 1].
      steps: steps in all.

    Raises:
      DeidError: dp-accounting is not installed.
    """
    library = _library()

    def calibrated(accountant: Any, bracket: Any, tolerance: float) -> float:
        def event(noise: float) -> Any:
            return _event(library, noise, sampling, steps)

        return float(library.calibrate_dp_mechanism(accountant, event, epsilon, delta, bracket, tol=tolerance))

    # Renyi's moments ask for a little more than is needed, and take no time. Where noise is small, losses take the longest.
    high = calibrated(lambda: library.rdp.RdpAccountant(_ORDERS), library.LowerEndpointAndGuess(0, 1), _TOLERANCE)
    while spent(high, delta, sampling, steps) > epsilon:
        high *= 1.1
    low = 0.9 * high
    while spent(low, delta, sampling, steps) <= epsilon:
        low, high = 0.9 * low, low
    bracket = library.ExplicitBracketInterval(low, (1 + _TOLERANCE) * high)
    return calibrated(lambda: _accountant(library), bracket, _TOLERANCE * high)


def spent(noise: float, delta: float, sampling: float, steps: int) -> float:
    """Returns the epsilon that so many steps have spent; arguments as of `noise_multiplier`.

    Raises:
      DeidError: dp-accounting is not installed.
    """
    library = _library()
    return float(_accountant(library).compose(_event(library, noise, sampling, steps)).get_epsilon(delta))


def _accountant(library: Any) -> Any:
    return library.pld.PLDAccountant(value_discretization_interval=_INTERVAL)


def _event(library: Any, noise: float, sampling: float, steps: int) -> Any:
    one = library.PoissonSampledDpEvent(sampling, library.GaussianDpEvent(noise))
    return library.SelfComposedDpEvent(one, steps)


def _library() -> Any:
    try:
        import dp_accounting  # Late: takes a moment, and belongs to an extra.
        import dp_accounting.pld  # Late: as above.
        import dp_accounting.rdp  # Late: as above.
        import jax_privacy  # noqa: F401  # Late: as above. Missing, it is missed before the first step.
    except ModuleNotFoundError as error:
        raise DeidError(f"for differential privacy, {error.name} must be installed: pip install 'tfdeid[dp]'.") from None
    return dp_accounting
