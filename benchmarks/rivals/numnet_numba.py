"""numnet, as `python -m numnet.train` runs it: `training_step` over the stream of batches, compiled kernels."""

from benchmarks import rival
from benchmarks.problem import FloatArray, Problem
from numnet.data.batches import BatchStream
from numnet.data.datasets import load_mnist
from numnet.nn.network import Network
from numnet.nn.optim import Adam
from numnet.randomness import Draw
from numnet.training.loop import training_step


class Rival(rival.Rival):
    title = "numnet"
    about = "compiled kernels; pixels gathered and turned to floats in each step"
    kernels, dtype = "numba", "float32"

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self._use_threads(threads)
        rates = (0.0,) * (len(problem.sizes) - 3) + (problem.drop_rate,) if len(problem.sizes) > 2 else ()
        self.network = Network.mlp(
            problem.sizes, activation=problem.activation, dropout=rates, kernels=self.kernels, dtype=self.dtype
        )
        dense = [layer for layer in self.network.layers if hasattr(layer, "w")]
        for layer, (w, b) in zip(dense, problem.layers(), strict=True):
            layer.w[:], layer.b[:] = w, b
        self.optimizer = Adam(self.network.kernels, self.network.parameters, epsilon=problem.epsilon)
        # the stream shuffles as it goes: the order of its epoch 0 is the one in the problem's file
        self.stream = BatchStream(
            load_mnist().train, problem.batch_size, seed=problem.seed, kernels=self.network.kernels, dtype=self.dtype
        )

    def _use_threads(self, threads: int) -> None:
        from numnet.kernels.threads import set_threads

        set_threads(threads)

    def train(self, first: int, count: int) -> float:
        for step in range(first, first + count):
            loss = training_step(
                self.network, self.optimizer, self.stream.batch(step),
                draw=Draw(self.problem.seed, step), learning_rate=self.problem.learning_rate(step),
            )  # fmt: skip
        return loss

    def predict(self, images: FloatArray) -> FloatArray:
        return self.network.predict(images)
