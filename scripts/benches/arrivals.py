"""When people write: at irregular times, so never in step with micro-batches, and the same times for each contender."""

from __future__ import annotations

import random


def irregular(count: int, seconds: float, seed: int) -> list[float]:
    """`count` times from 0 to `seconds`, ascending: a Poisson process of which the number is known."""
    times = random.Random(seed)
    return sorted(times.uniform(0.0, seconds) for _ in range(count))


def pauses(count: int, least: float, most: float, seed: int) -> list[float]:
    """Seconds to wait before each message."""
    lengths = random.Random(seed)
    return [lengths.uniform(least, most) for _ in range(count)]


def shuffled(texts: list[str], seed: int) -> list[str]:
    """The texts in an order that has nothing to do with what they say."""
    return random.Random(seed).sample(texts, len(texts))
