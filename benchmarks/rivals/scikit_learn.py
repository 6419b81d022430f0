"""scikit-learn's MLPClassifier, its `partial_fit` called with the rows of many batches at once.

Source: scikit-learn's documentation of `MLPClassifier.partial_fit`, which goes over what it is given in batches.
"""

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks import CALL, rival
from benchmarks.problem import BETA1, BETA2, FloatArray, Problem


class Rival(rival.Rival):
    title = "scikit-learn MLPClassifier"
    about = "partial_fit over the rows of many batches"
    call_steps = CALL

    def __init__(self, problem: Problem, threads: int) -> None:
        if problem.drop_rate > 0:
            raise rival.Unable("scikit-learn has no dropout")
        super().__init__(problem, threads)
        self.images, self.labels = problem.train_split()
        self.classes = np.arange(problem.sizes[-1])
        self.model = MLPClassifier(
            problem.sizes[1:-1], activation="relu" if problem.activation == "relu" else "identity", solver="adam",
            alpha=0.0, batch_size=problem.batch_size, learning_rate_init=problem.learning_rate(0), shuffle=False,
            beta_1=BETA1, beta_2=BETA2, epsilon=problem.epsilon,
        )  # fmt: skip
        self._set_weights()

    def _set_weights(self) -> None:
        """The model makes its arrays in its first step; the problem's weights then take their place."""
        self._fit(0, 1)
        for i, (w, b) in enumerate(self.problem.layers()):
            self.model.coefs_[i], self.model.intercepts_[i] = w, b
        del self.model._optimizer  # the next step makes a new one

    def train(self, first: int, count: int) -> float:
        # the last step apart: of many, scikit-learn tells but the mean loss
        end = first + count - 1
        while first < end:
            first += self._fit(first, self._alike(first, end - first))
        self._fit(end, 1)
        return float(self.model.loss_)

    def _alike(self, first: int, count: int) -> int:
        """How many steps from the first on are of the same epoch and the same learning rate."""
        problem = self.problem
        steps = min(count, problem.batches - first % problem.batches)
        rate = problem.learning_rate(first)
        return next((i for i in range(1, steps) if problem.learning_rate(first + i) != rate), steps)

    def _fit(self, first: int, steps: int) -> int:
        rows = slice(self.first_row(first), self.first_row(first) + steps * self.problem.batch_size)
        if hasattr(self.model, "_optimizer"):
            self.model._optimizer.learning_rate_init = self.problem.learning_rate(first)
        self.model.partial_fit(self.images[rows], self.labels[rows], classes=self.classes)
        return steps

    def predict(self, images: FloatArray) -> FloatArray:
        scores: FloatArray = self.model.predict_proba(images)
        return scores
