"""What a rival is: a network that trains on a problem and predicts. One subclass in each file of rivals/."""

import importlib
from abc import ABC, abstractmethod
from typing import Any

from benchmarks.problem import STEP_FLOPS, FloatArray, Problem

# In the order of the report's tables. The name is the file's.
NAMES = (
    "numnet_numba",
    "numnet_textbook",
    "tensorflow_tutorial",
    "tensorflow_function",
    "tensorflow_xla",
    "tensorflow_loop",
    "keras_fit",
    "keras_steps",
    "keras_jit",
    "torch_eager",
    "torch_compiled",
    "jax_jit",
    "jax_scan",
    "scikit_learn",
)
NUMNET, TEXTBOOK = NAMES[:2]
# Rows that the long jobs leave out, each with the row of the same framework, alike but for the loop, that stands there
# in its place. In the race it is the one that was the sooner in its trial, which may be either.
ALIKE = {"tensorflow_xla": "tensorflow_loop", "jax_jit": "jax_scan"}
SHORT = "left out for time, another row of its framework stands here"


def family(name: str) -> str:
    """The framework that a rival is a way to use: "jax", "tensorflow", "keras", …"""
    return name.partition("_")[0]


class Unable(Exception):
    """This rival can't do what the problem asks; the message is the row's reason."""


class Rival(ABC):
    """A framework's way to train.

    A file sets the framework's own thread settings at construction; the process is bound to as many cores, and
    OMP_NUM_THREADS and its kin are set, before the framework is imported (see worker.py).
    Raises Unable where a problem can't be done equally.
    """

    title: str  # the row's name in the report
    about: str  # how the step is written, in a phrase
    call_steps: int = 20  # as many as one timed `train` is asked for, of a step like the tutorial's
    tells_mean: bool = False  # whether `train` tells the mean loss of its steps, not the last

    def __init__(self, problem: Problem, threads: int) -> None:
        """Set up the network with the problem's weights, and read the training images into memory."""
        self.problem, self.threads = problem, threads
        work = max(1.0, problem.flops() / STEP_FLOPS)
        self.call_steps = max(1, round(type(self).call_steps / work))  # calls of about the same length on any problem

    @abstractmethod
    def train(self, first: int, count: int) -> float:
        """Take steps first .. first + count - 1 and return the loss before the last of them, once all are done.

        Step s takes batch s % problem.batches, at problem.learning_rate(s). Calls come in the order of the steps.
        """

    @abstractmethod
    def predict(self, images: FloatArray) -> FloatArray:
        """Scores, float32 (N, classes), of images, float32 (N, 784): NumPy in, NumPy out. Dropout is off."""

    def compile_answers(self) -> None:  # noqa: B027  a rival need not
        """Have done, before many predictions are asked for, what does not pay for the one of a test."""

    def settings(self) -> dict[str, Any]:
        """What the framework made of the settings that it was given, where it may make something else of them."""
        return {}

    def first_row(self, step: int) -> int:
        """Where the batch of a step begins."""
        return step % self.problem.batches * self.problem.batch_size


def load(name: str) -> type[Rival]:
    """The class `Rival` in rivals/NAME.py; this imports its framework."""
    rival: type[Rival] = importlib.import_module(f"benchmarks.rivals.{name}").Rival
    return rival
