"""Test-time augmentation: a network sees several views of an image, each a little distorted; the answers are averaged.

    view 0       the image as it is
    view 1, 2 …  the image distorted, a pure function of (seed, view, image), and never as training distorted it

Source: Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional neural networks",
section 4.1, where the views are ten crops; distortions in their place. This file says how many views and which, and
imports nothing heavy, so that a command can name its default at once; committee.py looks.
"""

from dataclasses import dataclass

from numnet.errors import RecipeError
from numnet.training.recipes import STRONGEST

# Of `Distortion`'s own strengths. Of 0.25, 0.5, 0.75 and 1 it has the least loss on the validation images, by the
# network of `train --recipe record --images train`, and is the only one whose loss is below the plain one's each time.
STRENGTH = 0.25
MOST_VIEWS = 10_000  # beyond it any number is a slip of the hand


@dataclass(frozen=True)
class Views:
    """How often each image is looked at, and how far all views but the first are distorted.

    count : 1 to MOST_VIEWS, the image as it is among them    strength : times those of `Distortion`, below STRONGEST
    seed : which distortions, 0 .. 2**64 - 1

    Raises RecipeError for other numbers.
    """

    count: int
    strength: float = STRENGTH
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_VIEWS:
            raise RecipeError(f"{self.count} views of each image: expected 1 to {MOST_VIEWS:,}")
        if not 0 <= self.strength < STRONGEST:
            raise RecipeError(f"views of strength {self.strength}: expected 0 to less than {STRONGEST:g}")
        if not 0 <= self.seed < 2**64:
            raise RecipeError(f"seed {self.seed}: expected 0 to 2**64 - 1")
