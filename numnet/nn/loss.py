"""The loss: how wrong the logits are, in one number, and which way each logit should move."""

import numpy as np

from numnet.kernels import FloatArray, IntArray, Kernels


def cross_entropy(
    kernels: Kernels, logits: FloatArray, labels: IntArray, smoothing: float = 0.0
) -> tuple[float, FloatArray]:
    """The mean cross-entropy of softmax(logits) against the labels, and its gradient dlogits.

    loss = 1/B * sum_b -log softmax(logits[b])[labels[b]], in nats; a network that knows nothing has log(C).
    The mean's 1/B is here and nowhere else: every gradient further back is a plain sum.

    logits : float (B, C)    labels : int (B,), 0 .. C-1, which nobody looks at here: `fit` and `evaluate` do
    dlogits : float (B, C), (softmax(logits) - target) / B
    smoothing : s, 0 <= s < 1, of training alone: target = (1 - s) * onehot + s / C
    """
    losses = np.empty(len(labels), logits.dtype)
    dlogits = np.empty_like(logits)
    share = 1 / len(labels)
    kernels.softmax_cross_entropy(logits, labels, share, smoothing, losses, dlogits)
    return float(losses.sum(dtype=np.float64)) * share, dlogits


def softmax(logits: FloatArray) -> FloatArray:
    """Each row of logits as probabilities: float (B, C), each row adding up to 1."""
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exps / exps.sum(axis=1, keepdims=True))
