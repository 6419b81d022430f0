"""Let PyTorch and TensorFlow solve `problem.py`, and write what they found to `frameworks.json`.

Nothing of numnet is imported here: these are other people's answers. The tests need only the JSON file, not the
frameworks. To make it anew, in an environment of its own, from the repository's root:

    pip install torch==2.13.0 tensorflow-cpu==2.21.0
    python -m tests.golden.record

The file's layout (float64 is written with 17 significant digits where it needs them, float32 with 9):

    versions      of what made it
    problem       `problem.fingerprint()`, so that a test can say "the problem changed" and not "the answer is wrong"
    agreement     largest difference found between PyTorch and TensorFlow, float64: of gradients, and of each
                  optimizer's losses. Adam's are two dialects, which differ by as much as eps lets them
    gradients     [net][tensor] -> summary: of the first loss, before any update (PyTorch, float64)
    runs          [framework][optimizer][net] -> losses (one a step, before its update), parameters (after the last)

Frameworks are `pytorch_float64`, `tensorflow_float64` and `tensorflow_float32`; nets and optimizers are the keys of
`problem.NETS` and `problem.OPTIMIZERS`; a tensor is one of w1, b1, w2, b2, w3, b3; a summary is `problem.summary`.
"""

import json
import os
import platform
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow
import torch

from tests.golden import problem

tf = tensorflow.compat.v1
OUTPUT = Path(__file__).with_name("frameworks.json")
LIMITS = {"gradients": 1e-12, "momentum": 1e-12, "adam": 1e-5, "adam_large_eps": 0.1}  # on `agreement`


# ---- PyTorch ----


def torch_run(net: str, optimizer_name: str) -> dict:
    """Train `net` in PyTorch, float64."""
    parameters = torch_parameters()
    optimizer = torch_optimizer(optimizer_name, list(parameters.values()))
    losses = []
    for step in range(problem.STEPS):
        optimizer.zero_grad()
        loss = torch_loss(net, parameters, step)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "parameters": summaries({name: p.detach().numpy() for name, p in parameters.items()})}


def torch_gradients(net: str) -> dict:
    """The gradients of the first loss."""
    parameters = torch_parameters()
    torch_loss(net, parameters, step=0).backward()
    return summaries({name: p.grad.numpy() for name, p in parameters.items()})


def torch_parameters() -> dict[str, torch.Tensor]:
    """The initial parameters, ready to be trained."""
    return {name: torch.tensor(array, requires_grad=True) for name, array in problem.initial_parameters().items()}


def torch_optimizer(name: str, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
    """The optimizer called `name`, in PyTorch's form."""
    setting = problem.OPTIMIZERS[name]
    if name == "momentum":
        return torch.optim.SGD(parameters, lr=setting["lr"], momentum=setting["momentum"])
    betas = (setting["beta1"], setting["beta2"])
    return torch.optim.Adam(parameters, lr=setting["lr"], betas=betas, eps=setting["eps"])


def torch_loss(net: str, p: dict[str, torch.Tensor], step: int) -> torch.Tensor:
    """Mean softmax cross-entropy of `net` on the batch of `step`."""
    kind, dropout = problem.NETS[net]
    activation = {"linear": lambda x: x, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}[kind]
    images, labels, mask = (torch.tensor(array) for array in step_inputs(step, np.float64))
    x = activation(images @ p["w1"] + p["b1"])
    x = activation(x @ p["w2"] + p["b2"])
    if dropout:
        x = x * mask
    return torch.nn.functional.cross_entropy(x @ p["w3"] + p["b3"], labels)


# ---- TensorFlow: a graph, built once and fed step by step, as the tutorial does ----


def tensorflow_run(net: str, optimizer_name: str, dtype: type) -> dict:
    """Train `net` in TensorFlow, in `dtype`."""
    with tf.Graph().as_default(), tf.Session() as session:
        parameters, inputs, loss = tensorflow_graph(net, dtype)
        update = tensorflow_optimizer(optimizer_name, dtype).minimize(loss)
        session.run(tf.global_variables_initializer())
        losses = []
        for step in range(problem.STEPS):
            feed = dict(zip(inputs, step_inputs(step, dtype), strict=True))
            losses.append(float(session.run(loss, feed)))  # two calls: in one, the loss might see the update
            session.run(update, feed)
        return {"losses": losses, "parameters": summaries(session.run(parameters))}


def tensorflow_gradients(net: str) -> dict:
    """The gradients of the first loss, float64."""
    with tf.Graph().as_default(), tf.Session() as session:
        parameters, inputs, loss = tensorflow_graph(net, np.float64)
        gradients = dict(zip(parameters, tf.gradients(loss, list(parameters.values())), strict=True))
        session.run(tf.global_variables_initializer())
        return summaries(session.run(gradients, dict(zip(inputs, step_inputs(0, np.float64), strict=True))))


def tensorflow_graph(net: str, dtype: type) -> tuple[dict[str, Any], tuple, Any]:
    """The parameters, the three inputs that `step_inputs` fills, and the mean softmax cross-entropy of `net`."""
    kind, dropout = problem.NETS[net]
    activation = {"linear": tf.identity, "relu": tf.nn.relu, "tanh": tf.nn.tanh, "sigmoid": tf.nn.sigmoid}[kind]
    p = {name: tf.Variable(array) for name, array in problem.initial_parameters(dtype).items()}
    images, labels, mask = inputs = tf.placeholder(dtype), tf.placeholder(tf.int64), tf.placeholder(dtype)
    x = activation(tf.matmul(images, p["w1"]) + p["b1"])
    x = activation(tf.matmul(x, p["w2"]) + p["b2"])
    if dropout:
        x = x * mask
    logits = tf.matmul(x, p["w3"]) + p["b3"]
    one_hot = tf.one_hot(labels, problem.CLASSES, dtype=dtype)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=one_hot, logits=logits))
    return p, inputs, loss


def tensorflow_optimizer(name: str, dtype: type) -> Any:
    """The optimizer called `name`, in TensorFlow 1's form.

    Its settings are handed over as tensors of `dtype`. Python floats would become float32 first, even for float64
    variables: a momentum of 0.9 is then 0.89999998.
    """
    setting = {key: tf.constant(value, dtype) for key, value in problem.OPTIMIZERS[name].items()}
    if name == "momentum":
        return tf.train.MomentumOptimizer(setting["lr"], setting["momentum"])
    return tf.train.AdamOptimizer(setting["lr"], setting["beta1"], setting["beta2"], setting["eps"])


# ---- Both ----


FRAMEWORKS = {
    "pytorch_float64": torch_run,
    "tensorflow_float64": lambda net, optimizer: tensorflow_run(net, optimizer, np.float64),
    "tensorflow_float32": lambda net, optimizer: tensorflow_run(net, optimizer, np.float32),
}


def step_inputs(step: int, dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, labels and the scaled dropout mask of `step`."""
    return *problem.batch(step, dtype), (problem.keep_mask(step) / (1 - problem.DROP_RATE)).astype(dtype)


def summaries(arrays: dict[str, np.ndarray]) -> dict[str, dict]:
    """`problem.summary` of every array."""
    return {name: problem.summary(array) for name, array in arrays.items()}


def record() -> dict:
    """All that the file holds."""
    gradients = {net: torch_gradients(net) for net in problem.NETS}
    runs = {
        framework: {optimizer: {net: run(net, optimizer) for net in problem.NETS} for optimizer in problem.OPTIMIZERS}
        for framework, run in FRAMEWORKS.items()
    }
    return {
        "versions": versions(),
        "problem": problem.fingerprint(),
        "agreement": agreement(gradients, runs["pytorch_float64"], runs["tensorflow_float64"]),
        "gradients": gradients,
        "runs": {name: rounded(of_framework, 9 if "32" in name else 17) for name, of_framework in runs.items()},
    }


def agreement(gradients: dict, torch_runs: dict, tensorflow_runs: dict) -> dict[str, float]:
    """The largest difference between the frameworks in each respect; refused if there is more than there may be."""
    others = {net: tensorflow_gradients(net) for net in gradients}
    distances = [problem.distance(others[net][name], gradients[net][name]) for net in others for name in others[net]]
    found = {"gradients": max(distances)}
    for optimizer in problem.OPTIMIZERS:
        pairs = [[runs[optimizer][net]["losses"] for net in problem.NETS] for runs in (torch_runs, tensorflow_runs)]
        found[optimizer] = float(np.max(np.abs(np.divide(*pairs) - 1)))
    for name, difference in found.items():
        if difference > LIMITS[name]:
            raise SystemExit(f"{name}: PyTorch and TensorFlow differ by {difference:.1e}, expected {LIMITS[name]:.0e}")
    return found


def versions() -> dict[str, str]:
    """What made the numbers."""
    return {
        "torch": torch.__version__,
        "tensorflow": tensorflow.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def rounded(value: Any, digits: int) -> Any:
    """`value` with every number in it cut to so many significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}")


def to_json(value: Any, indent: str = "") -> str:
    """JSON with a line for each number, list or summary, so that a person can read it and a diff is short."""
    if not isinstance(value, dict) or "norm" in value:
        return json.dumps(value)
    inner = indent + "  "
    lines = (f"{inner}{json.dumps(key)}: {to_json(item, inner)}" for key, item in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}" + "}"


def main() -> None:
    """Write the file."""
    OUTPUT.write_text(to_json(record()) + "\n")
    print(f"{OUTPUT}: {OUTPUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
