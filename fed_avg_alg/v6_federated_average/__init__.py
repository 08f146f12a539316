"""A federated average: each organization sends a sum and a count, the central part divides.

vantage6's wrapper calls both functions by their names.
"""

from v6_federated_average.central import central_average
from v6_federated_average.partial import partial_average

__all__ = ["central_average", "partial_average"]
