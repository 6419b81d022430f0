"""The rivals of the accuracy record train the recipe: its steps, its first weights, its average, where they are."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.accuracy import table
from benchmarks.accuracy.contest import CLASSES, SIDE, Task
from numnet.training.loop import count_steps
from numnet.training.recipes import find_recipe

ROOT = Path(__file__).parent.parent.parent
FRAMEWORKS = ROOT / ".venv-bench" / "bin" / "python"


def in_their_environment(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that runs Keras or PyTorch: `make test-frameworks` has them."""
    missing = pytest.mark.skipif(not FRAMEWORKS.exists(), reason="the frameworks are not there: make bench-install")
    return pytest.mark.frameworks(pytest.mark.slow(missing(test)))


def in_frameworks(*arguments: str) -> list[dict]:  # type: ignore[type-arg]
    """The objects that Python prints in their environment."""
    run = subprocess.run([FRAMEWORKS, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-800:]
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(("epochs", "images"), [(10.0, "train"), (0.5, "all")])
def test_a_task_is_as_long_as_the_recipe_is_for_numnet(epochs: float, images: str) -> None:
    recipe = find_recipe("strong").changed(epochs=epochs, images=images)
    task = Task(recipe, 0, 1)
    assert task.sizes == (SIDE**2, 512, 256, 128, CLASSES)
    assert task.steps == count_steps(None, epochs, recipe.batch_size, 55_000 if images == "train" else 60_000)


@pytest.mark.parametrize("changes", [{"optimizer": "sgd"}, {"activation": "linear"}, {"patience": 2}])
def test_a_recipe_that_the_rivals_do_not_know_is_refused(changes: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(SystemExit, match="the rivals know adam, he, relu, tanh and sigmoid, and no patience"):
        Task(find_recipe("strong").changed(**changes), 0, 1).check()
    with pytest.raises(SystemExit, match="truncated_normal"):
        Task(find_recipe("intended"), 0, 1).check()


# 1, 2 and 3 steps of the same seed without an average tell the weights after each; then how far the scores of 3 steps
# with an average are from those by the mean of these weights, and from those by the last. Every aid is on; but Keras
# draws its distortions on threads that take turns at random, so there a run with them is tried apart.
AVERAGED = """if True:
    import importlib
    import json
    import sys
    import numpy as np
    from benchmarks.accuracy.contest import Task
    from benchmarks.worker import bind
    from numnet.training.recipes import find_recipe

    name, *counts = sys.argv[1:]
    bind(1)
    rival = importlib.import_module(f"benchmarks.accuracy.{name}_rival")
    make_model, made = rival.make_model, []

    def kept(task):
        made.append(make_model(task))
        return made[-1]

    def weights(model):  # (D, H) and (H,) of each layer
        if name == "keras":
            return [variable.numpy().copy() for variable in model.trainable_variables]
        found = [parameter.detach().numpy() for parameter in model.parameters()]
        return [(array.T if array.ndim == 2 else array).copy() for array in found]

    def scores(weights, images):
        w0, b0, w1, b1 = (array.astype(float) for array in weights)
        return np.maximum(images @ w0 + b0, 0) @ w1 + b1

    def trained(steps, **changes):
        aids = dict(warmup=1, weight_decay=0.1, label_smoothing=0.1, clip=1.0, distortion=0.5 * (name == "pytorch"))
        numbers = dict(hidden=(16,), dropout=(0.2,), learning_rate=0.01, schedule="constant", batch_size=64)
        recipe = find_recipe("strong").changed(**{**numbers, **aids, "steps": steps, **changes})
        return rival.train(Task(recipe, 0, 1))

    rival.make_model = kept
    images = Task(find_recipe("strong"), 0, 1).train.images[:200]
    after = []
    for steps in (1, 2, 3):
        assert trained(steps).steps == steps
        after.append(weights(made[-1]))
    found = trained(3, average=0.5)
    said = np.asarray(found.predict(images))
    shares = [float(count) for count in counts]
    mean = [sum(share * array for share, array in zip(shares, arrays)) for arrays in zip(*after)]
    apart = lambda weights: float(abs(said - scores(weights, images)).max())
    print(json.dumps({"steps": found.steps, "mean": apart(mean), "last": apart(after[-1])}))
    initial = weights(make_model(Task(find_recipe("strong"), 0, 1)))
    print(json.dumps({"squares": [float((array**2).mean()) for array in initial]}))
    if name == "keras":
        print(json.dumps({"distorted": trained(2, distortion=0.5).steps}))
"""


@in_their_environment
@pytest.mark.parametrize(("name", "shares"), [("pytorch", (1 / 7, 2 / 7, 4 / 7)), ("keras", (1 / 4, 1 / 4, 1 / 2))])
def test_what_predicts_is_the_average_of_the_weights_and_they_begin_as_numnets_do(
    name: str, shares: tuple[float, ...]
) -> None:
    """With a decay of 1/2 the weights after steps 1, 2, 3 count 1, 2 and 4 of 7; Keras's begin with the first step's.

    He's weights have a mean square of 2 / inputs: of 512 x 784 numbers and more it is met within a hundredth or so, of
    the last layer's 1,280 within a tenth.
    """
    averaged, begun, *more = in_frameworks("-c", AVERAGED, name, *map(str, shares))
    assert averaged["steps"] == 3
    assert averaged["mean"] < 0.01
    assert averaged["last"] > 10 * averaged["mean"]
    weights, biases = begun["squares"][::2], begun["squares"][1::2]
    for square, inputs in zip(weights, (784, 512, 256, 128), strict=True):
        assert square == pytest.approx(2 / inputs, rel=0.15)
    assert biases == [0, 0, 0, 0]
    assert more == ([{"distorted": 2}] if name == "keras" else [])


@in_their_environment
@pytest.mark.parametrize("name", dict.fromkeys(name for name, _, _ in table.CONTESTS))
def test_a_rival_learns_and_prints_one_line(name: str) -> None:
    (found,) = in_frameworks("-m", "benchmarks.accuracy.contest", name, "strong", "--steps", "30")
    assert found["steps"] == 30
    assert 300 < found["errors"] < 4000
    assert 1 < found["seconds"] < 300
    assert found["peak_mib"] > 200


# Images of their own coordinates, distorted, tell where each pixel was taken from; away from the border it is exact.
DISTORTED = """if True:
    import json
    import sys
    import numpy as np
    from numnet.data.augment import STRENGTHS, Distortion

    if sys.argv[1] == "pytorch":
        import torch
        from benchmarks.accuracy.pytorch_rival import distort

        torch.manual_seed(0)
        def distorted(images, strengths):
            return distort(torch.from_numpy(images).reshape(-1, 1, 28, 28), strengths).numpy()
    else:
        import keras
        from benchmarks.accuracy.keras_rival import distorter

        keras.utils.set_random_seed(0)
        def distorted(images, strengths):  # Keras's elastic layer keeps to 0..1
            return np.asarray(distorter(strengths)(images / 27)) * 27
    far = {}
    for name, strength in {"shift": 1.5, "elastic": 1.1, "rotation": 0.2, "shear": 0.2}.items():
        strengths = Distortion(**{**dict.fromkeys(STRENGTHS, 0.0), name: strength})
        far[name] = []
        for coordinate in np.meshgrid(np.arange(28.0), np.arange(28.0)):  # across, down
            images = np.repeat(coordinate.reshape(1, -1), 256, 0).astype("float32")
            moved = distorted(images, strengths).reshape(-1, 28, 28) - coordinate
            far[name].append(float(np.sqrt((moved[:, 8:-8, 8:-8] ** 2).mean())))
    print(json.dumps(far))
"""


@in_their_environment
def test_pytorch_distorts_as_far_as_asked() -> None:
    """Root mean squares over the middle 12 x 12 pixels, across and down; there a pixel lies sqrt(143 / 12) = 3.452 off.

    A shift drawn evenly up to 1.5: 1.5 / sqrt(3) = 0.866, both ways. An angle up to 0.2: 3.452 * 0.2 / sqrt(3) = 0.399
    both ways. A shear up to 0.2: the same, across alone. The elastic field: 1.1, a little less away from the border.
    """
    (found,) = in_frameworks("-c", DISTORTED, "pytorch")
    assert found["shift"] == pytest.approx([0.866, 0.866], rel=0.08)
    assert found["rotation"] == pytest.approx([0.399, 0.399], rel=0.08)
    assert found["shear"] == pytest.approx([0.399, 0.0], rel=0.08, abs=1e-3)
    assert found["elastic"] == pytest.approx([1.1, 1.1], rel=0.25)


@in_their_environment
def test_keras_distorts_as_far_as_asked_where_it_can() -> None:
    """As above; but a shear leans about a corner, 13.5 pixels off: 0.2 / sqrt(3) * sqrt(13.5² + 3.452²) = 1.609."""
    (found,) = in_frameworks("-c", DISTORTED, "keras")
    assert found["shift"] == pytest.approx([0.866, 0.866], rel=0.08)
    assert found["rotation"] == pytest.approx([0.399, 0.399], rel=0.08)
    assert found["shear"] == pytest.approx([1.609, 0.0], rel=0.08, abs=1e-3)
    assert found["elastic"] == pytest.approx([0.79, 0.79], rel=0.05)
