"""What a run ends with, when it keeps more than its last parameters: their running mean, or those of its best epoch.

And when it ends, where it waits no longer for a better one.
"""

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


def whole_epochs(steps: int, batch_size: int, images: int) -> int:
    """How many epochs so many steps have completed.

    In whole numbers: 66 steps of 50 are 15 epochs of 220 images, and 66 / (220 / 50) in floats falls short of 15.
    """
    return steps * batch_size // images


def is_in_vain(best: Best, steps: int, patience: int, *, batch_size: int, images: int) -> bool:
    """Whether a run, so many steps old, has waited long enough for a better epoch.

    patience : epochs, at least 1    batch_size, images : of a step, and of an epoch
    Source: Prechelt 1998, "Early stopping - but when?"
    """
    now = whole_epochs(steps, batch_size, images)
    then = whole_epochs(best.step, batch_size, images)
    return now - then >= patience


def outcome(parameters: FloatArray, vectors: Mapping[str, FloatArray], best: Best | None) -> FloatArray:
    """The parameters to use a network with: the best, where they were looked for; else the averaged; else the last.

    parameters : float (P,), those that training goes on from    vectors : the optimizer's
    """
    return best.parameters if best else vectors.get("average", parameters)
