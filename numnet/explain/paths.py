"""The ways by which the loss comes back to a unit: its gradient is a sum over all paths, and the strongest are shown.

    dy[j] = sum over j2, j3, …, c of  slope[j] * w[j,j2] * slope[j2] * w[j2,j3] * … * dlogits[c]

A first layer's unit has 256 * 128 * 10 of them. They are not listed: from the loss backward it is known how strong a
path can still become from each unit on, so that the strongest are found one after the other, best first.
"""

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from numnet.explain.formulas import Passage
from numnet.kernels import FloatArray
from numnet.nn.layers import Dense


class Path(NamedTuple):
    """units : one in each dense layer from the unit on, a class at the end    value : the product along it."""

    units: tuple[int, ...]
    value: float


class Ways:
    """All paths of one example from the outputs of a dense layer to the loss.

    passages : of the layers after that one    dlogits : float64 (C,), of the example

    total : what all paths from each unit add up to, float64 (H,)    open : how many of them are not 0
    """

    def __init__(self, passages: list[Passage], dlogits: FloatArray, example: int) -> None:
        self._links, slope = [], None  # (units, units after): what a step along a path multiplies by
        for passage in passages:
            if isinstance(passage.layer, Dense):
                w = passage.layer.w
                self._links.append(w if slope is None else slope[:, None] * w)
                slope = None
            else:
                own = _slope(passage, example)
                slope = own if slope is None else slope * own
        self._dlogits = dlogits if slope is None else dlogits * slope
        self.total, self.open = self._dlogits, (self._dlogits != 0).astype(int)
        for link in reversed(self._links):
            self.total, self.open = link @ self.total, (link != 0).astype(int) @ self.open
        self._strongest = [abs(self._dlogits)]  # of what a path from each unit can come to, the largest
        for link in reversed(self._links):
            self._strongest.insert(0, (abs(link) * self._strongest[0]).max(axis=1))

    def from_unit(self, unit: int) -> Iterator[Path]:
        """The paths from a unit, the strongest first; those of strength 0 are left out."""
        waiting: list[tuple[float, tuple[int, ...], float]] = [(-float(self._strongest[0][unit]), (unit,), 1.0)]
        while waiting:
            strength, units, product = heapq.heappop(waiting)
            if strength == 0:
                return
            if len(units) > len(self._links):
                yield Path(units, product * float(self._dlogits[units[-1]]))
                continue
            products = product * self._links[len(units) - 1][units[-1]]
            bounds = -abs(products) * self._strongest[len(units)]
            for after in np.flatnonzero(bounds):
                heapq.heappush(waiting, (float(bounds[after]), (*units, int(after)), float(products[after])))


def _slope(passage: Passage, example: int) -> FloatArray:
    """Of a layer without weights, by which each number of dy becomes one of dx: float64 (H,)."""
    dx = passage.layer.backward(np.ones_like(passage.y))
    assert dx is not None
    return np.array(dx[example])
