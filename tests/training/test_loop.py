"""The loop: what a run leaves behind, what watches it, what stops it."""

import math

import numpy as np
import pytest

from numnet.data.datasets import Split
from numnet.errors import DataError, NonFiniteError, RecipeError
from numnet.nn.network import Network
from numnet.training.callbacks import BatchLog, Callback, Run, Validation
from numnet.training.loop import count_steps, fit
from numnet.training.metrics import evaluate


def stripes(images: int, seed: int = 0) -> Split:
    """Images of 4x4 with a bright column; the label says which of the first three."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, images).astype(np.uint8)
    pixels = rng.integers(0, 60, (images, 4, 4)).astype(np.uint8)
    pixels[np.arange(images), :, labels] += 150
    return Split(pixels, labels)


def network(**kwargs: object) -> Network:
    return Network.mlp((16, 12, 3), kernels="textbook", **kwargs)


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 0.01), ("sgd", 0.05)])
def test_a_network_learns_what_can_be_learned(optimizer: str, rate: float, kernels: str) -> None:
    trained = Network.mlp((16, 12, 3), kernels=kernels)
    before = evaluate(trained, stripes(200, seed=1))
    fit(trained, stripes(300), epochs=8, batch_size=20, optimizer=optimizer, learning_rate=rate)
    after = evaluate(trained, stripes(200, seed=1))
    assert before.loss > 0.7
    assert after.accuracy > 0.98
    assert after.loss < 0.2


def test_the_first_loss_is_that_of_the_untrained_network_on_the_first_batch() -> None:
    """Log 3 and no more is what equal logits cost; and the loss is taken before the update."""
    flat = network()
    flat.parameters[:] = 0
    history = fit(flat, stripes(50), steps=2, batch_size=10)
    assert history.losses[0] == pytest.approx(math.log(3))
    assert history.losses[1] != history.losses[0]


@pytest.mark.parametrize("kernels", ["textbook", "numba"])
def test_a_run_is_a_function_of_its_seed(kernels: str) -> None:
    def run(seed: int) -> str:
        trained = Network.mlp((16, 12, 3), dropout=0.5, kernels=kernels)
        fit(trained, stripes(50), steps=7, batch_size=8, seed=seed)
        return trained.parameters_sha256()

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_a_step_moves_each_parameter_by_adams_first_step() -> None:
    """At step 0 Adam's means are the gradient itself, so each parameter moves by the rate, against its sign."""
    trained = network(dtype=np.float64)
    before = trained.parameters.copy()
    fit(trained, stripes(50), steps=1, batch_size=8, learning_rate=0.01)
    moved = trained.parameters - before
    large = abs(trained.gradients) > 1e-4
    assert large.sum() > 100
    np.testing.assert_allclose(moved[large], -0.01 * np.sign(trained.gradients[large]), rtol=0.02)


class Watcher(Callback):
    def __init__(self) -> None:
        self.seen: list[object] = []

    def on_start(self, run: Run) -> None:
        self.seen.append("start")

    def on_step(self, run: Run) -> None:
        self.seen.append((run.step, run.is_last))
        if len(self.seen) > 5:
            raise KeyboardInterrupt

    def on_end(self, run: Run) -> None:
        self.seen.append("end")


def test_callbacks_see_each_step_in_order() -> None:
    watcher = Watcher()
    fit(network(), stripes(30), steps=3, callbacks=[watcher])
    assert watcher.seen == ["start", (0, False), (1, False), (2, True), "end"]


def test_a_run_that_is_broken_off_still_ends() -> None:
    watcher = Watcher()
    with pytest.raises(KeyboardInterrupt):
        fit(network(), stripes(30), steps=100, callbacks=[watcher])
    assert watcher.seen[-1] == "end"


def test_the_batch_log_has_the_tutorials_lines_and_drops_no_units() -> None:
    """With equal logits and next to no learning rate, the loss with dropout off stays log 3."""
    lines: list[str] = []
    trained = network(dropout=0.9)
    trained.layers[-1].w[:] = 0
    history = fit(trained, stripes(30), steps=5, learning_rate=1e-12, callbacks=[BatchLog(2, lines.append)])
    assert [row["step"] for row in history.rows] == [0, 2, 4]
    assert history.column("loss") == pytest.approx([math.log(3)] * 3)
    assert lines[1].startswith("Iteration 2 \t| Loss = 1.098")
    assert "\t| Accuracy = " in lines[1]


def test_validation_is_measured_at_each_epochs_end_and_after_the_last_step() -> None:
    """30 images in batches of 8: epochs end in steps 3, 7 and 11 (counted from 0), and the run in step 12."""
    history = fit(network(), stripes(30), steps=13, batch_size=8, callbacks=[Validation(stripes(20, seed=1))])
    assert [row["step"] for row in history.rows] == [3, 7, 11, 12]
    assert all(0 <= accuracy <= 1 for accuracy in history.column("validation_accuracy"))


def test_steps_of_a_run() -> None:
    assert count_steps(7, None, 128, 100) == 7
    assert count_steps(None, 2, 128, 55_000) == 860  # 859.4 batches
    assert count_steps(None, 0.5, 10, 100) == 5
    for steps, epochs in ((None, None), (1, 1), (0, None), (None, 0), (None, math.nan), (None, math.inf), (-3, None)):
        with pytest.raises(RecipeError):
            count_steps(steps, epochs, 128, 100)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "adamw"}, "unknown optimizer 'adamw': expected one of sgd, adam"),
        ({"schedule": "step"}, "unknown schedule 'step'"),
        ({"learning_rate": math.nan}, "learning rate of nan"),
        ({"learning_rate": 0}, "learning rate of 0"),
        ({"batch_size": 0}, "batch size of 0"),
        ({"batch_size": 1.5}, "batch size of 1.5"),
        ({"steps": 1.5}, "1.5 steps"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**64}, "seed 18446744073709551616"),
        ({"steps": 0}, "0 steps"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        fit(network(), stripes(30), **{"steps": 1, **settings})


def test_data_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="9 numbers for a network of 16 inputs"):
        fit(network(), Split(np.zeros((5, 3, 3), np.uint8), np.zeros(5, np.uint8)), steps=1)
    with pytest.raises(DataError, match="label 3 out of range for a network of 3 classes"):
        fit(network(), Split(np.zeros((5, 4, 4), np.uint8), np.full(5, 3, np.uint8)), steps=1)
    with pytest.raises(DataError, match="a split without images"):
        fit(network(), Split(np.zeros((0, 4, 4), np.uint8), np.zeros(0, np.uint8)), steps=1)


def test_a_data_set_in_place_of_a_split_is_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match=r"expected a split, such as load_mnist\(\)\.train"):
        fit(network(), "mnist", steps=1)
    with pytest.raises(DataError, match="16 inputs"):
        evaluate(network(), Split(np.zeros((5, 3, 3), np.uint8), np.zeros(5, np.uint8)))


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (np.zeros((5, 4, 4), np.float32), np.zeros(5, int), "float32.*expected uint8"),
        (np.zeros(5, np.uint8), np.zeros(5, int), "expected uint8"),
        (np.zeros((5, 4), np.uint8), np.zeros(4, int), r"labels: int64 \(4,\); expected integers \(5,\)"),
        (np.zeros((5, 4), np.uint8), np.zeros(5), "labels: float64"),
        (np.zeros((5, 4), np.uint8), np.array([0, 1, -1, 0, 0]), "labels from -1 to 1"),
        (np.zeros((5, 4), np.uint8), np.full(5, 256), "labels from 256 to 256"),
        ([[0, 1]], [0], "expected uint8"),
    ],
)
def test_a_split_of_anything_else_is_refused(images: np.ndarray, labels: np.ndarray, said: str) -> None:
    """Floats of 0..1 would be cut to 0 on their way into a batch, and train a network on black images."""
    with pytest.raises(DataError, match=said):
        Split(images, labels)


def test_labels_of_any_integer_type_are_taken() -> None:
    assert Split(np.zeros((3, 4), np.uint8), np.array([0, 255, 7])).labels.dtype == np.uint8


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda net: net.layers[0].w.__setitem__((3, 2), np.nan), "layer 0 w"),
        (lambda net: net.layers[2].b.__setitem__(1, np.inf), "layer 2 b"),
        (lambda net: net.layers[2].w.__setitem__(slice(None), 3e38), "the output of layer 2, Dense"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_stops_at_its_step_and_names_the_tensor(spoil: object, said: str) -> None:
    class Spoiler(Callback):
        def on_step(self, run: Run) -> None:
            if run.step == 1:
                spoil(run.network)

    trained = network()
    with pytest.raises(NonFiniteError, match=f"^step 2: .*{said}"):
        fit(trained, stripes(30), steps=9, callbacks=[Spoiler()])
