"""What is not the same in two observations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckptmatrix.judge import behaviour
from ckptmatrix.judge.observation import TOO_DEEP, MalformedObservationError, read_observation
from ckptmatrix.judge.policy import CHANGES, Policy
from ckptmatrix.judge.state import compare_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.judge.observation import Observation
    from ckptmatrix.judge.outcome import Difference

__all__ = ["KEPT", "compare", "compare_observations"]

#: Differences kept of one load.
KEPT = 50
_RANK = {reason: rank for rank, reason in enumerate(CHANGES)}
_AS_CASES_ASK_MOST = Policy()


def compare(
    producer: Mapping[str, Any],
    consumer: Mapping[str, Any],
    policy: Policy = _AS_CASES_ASK_MOST,
) -> tuple[Difference, ...]:
    """What is not the same in two observations.

    Args:
        producer: The producer's observation, as JSON.
        consumer: The consumer's.
        policy: How closely to compare.

    Returns:
        At most :data:`KEPT` differences, the most telling first; none when they are the same.

    Raises:
        MalformedObservationError: One of them is no observation.
    """
    return compare_observations(read_observation(producer), read_observation(consumer), policy)


def compare_observations(
    producer: Observation, consumer: Observation, policy: Policy
) -> tuple[Difference, ...]:
    """What is not the same in two observations that have been read.

    What the producer did not do (a forward pass, further training) is not asked of the consumer.

    Raises:
        MalformedObservationError: A value is nested too deeply to be compared.
    """
    try:
        differences = compare_state(producer, consumer)
    except RecursionError:
        raise MalformedObservationError(TOO_DEEP) from None
    if producer.forward is not None:
        differences += behaviour.compare_forward(producer.forward, consumer.forward, policy)
    if producer.losses is not None:
        differences += behaviour.compare_losses(producer.losses, consumer.losses, policy)
    counted = [each for each in differences if each.what not in policy.ignore]
    return tuple(sorted(counted, key=lambda each: _RANK[each.what])[:KEPT])
