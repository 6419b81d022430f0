"""What a run ends with, when it keeps more than its last parameters: their running mean, or those of its best epoch."""

from collections.abc import Mapping
from dataclasses import dataclass

from numnet.kernels import FloatArray


@dataclass(frozen=True)
class Best:
    """The best that a run has seen so far on the validation split.

    step : how many steps had been taken    accuracy, loss : of the parameters, float (P,), that would have been used
    """

    step: int
    accuracy: float
    loss: float
    parameters: FloatArray

    def is_beaten_by(self, accuracy: float, loss: float) -> bool:
        """Whether these are better: more images right or, with as many, a lower loss.

        Accuracy comes first because it is what is wanted, and because the loss often rises, by being too sure of what
        is wrong, while ever fewer are wrong. Source: Guo et al. 2017, "On calibration of modern neural networks",
        section 3.
        """
        return (accuracy, -loss) > (self.accuracy, -self.loss)


def outcome(parameters: FloatArray, vectors: Mapping[str, FloatArray], best: Best | None) -> FloatArray:
    """The parameters to use a network with: the best, where they were looked for; else the averaged; else the last.

    parameters : float (P,), those that training goes on from    vectors : the optimizer's
    """
    return best.parameters if best else vectors.get("average", parameters)
