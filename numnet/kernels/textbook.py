"""Every operation of the network in NumPy: the definitions.

Read this file first. Each function is one operation of training, its backward beside it, in a line or a few,
with the reason in its docstring. They work in float32 and in float64. `compiled.py` has the same
names in the same order, made fast; a test holds each pair together.

Throughout, L is the loss and dfoo is dL/dfoo, which always has the shape of foo.
"""

import numpy as np

from numnet.kernels import BoolArray, ByteArray, FloatArray, IntArray

# --- products: a dense layer, forward and backward -----------------------------------------------------------


def matmul(a: FloatArray, b: FloatArray, bias: FloatArray, out: FloatArray) -> None:
    """out = a @ b + bias: what a dense layer computes.

    out[m, n] = bias[n] + sum_k a[m, k] * b[k, n]

    a : float (M, K)    b : float (K, N)    bias : float (N,)    out : float (M, N)
    """
    np.matmul(a, b, out=out)
    out += bias


def matmul_at(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """out = a.T @ b: the gradient of a layer's weights.

    The weight w[k, n] meets input x[m, k] in every example m, and y[m, n] grows by x[m, k] for each unit
    that w[k, n] grows. So dw[k, n] = sum_m x[m, k] * dy[m, n]: the summed index m is the rows of both.

    a : float (M, K)    b : float (M, N)    out : float (K, N)
    """
    np.matmul(a.T, b, out=out)


def matmul_bt(a: FloatArray, b: FloatArray, out: FloatArray) -> None:
    """out = a @ b.T: the gradient of a layer's inputs.

    The input x[m, k] reaches every output n of its own example, through w[k, n].
    So dx[m, k] = sum_n dy[m, n] * w[k, n]: the summed index n is the columns of both.

    a : float (M, N)    b : float (K, N)    out : float (M, K)
    """
    np.matmul(a, b.T, out=out)


def sum_rows(a: FloatArray, out: FloatArray) -> None:
    """out = the sum of a's rows: the gradient of a layer's biases.

    The bias b[n] is added to y[m, n] in every example m, so db[n] = sum_m dy[m, n].

    a : float (M, N)    out : float (N,)
    """
    np.sum(a, axis=0, out=out)


# --- activations: y = f(x), and dx = dy * f'(x) with f' written in terms of y ----------------------------------


def relu(x: FloatArray, out: FloatArray) -> None:
    """out = max(x, 0). NaN stays NaN.

    x, out : float, one shape; they may be the same array
    """
    np.maximum(x, 0, out=out)


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    """out = dy * [y > 0].

    The slope of max(x, 0) is 1 above zero and 0 below; at zero itself we take 0. And y > 0 just where x > 0.

    dy, y, out : float, one shape; dy and out may be the same array
    """
    np.multiply(dy, y > 0, out=out)


def tanh(x: FloatArray, out: FloatArray) -> None:
    """out = tanh(x), between -1 and 1.

    x, out : float, one shape; they may be the same array
    """
    np.tanh(x, out=out)


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    """out = dy * (1 - y²), since the slope of tanh is 1 - tanh².

    dy, y, out : float, one shape; dy and out may be the same array
    """
    np.multiply(dy, 1 - y * y, out=out)


def sigmoid(x: FloatArray, out: FloatArray) -> None:
    """out = 1 / (1 + exp(-x)), between 0 and 1; exp sees only negative numbers, so it can't overflow.

    For x < 0 both sides of the fraction are multiplied by exp(x): exp(x) / (exp(x) + 1).

    x, out : float, one shape; they may be the same array
    """
    z = np.exp(-np.abs(x))
    np.divide(np.where(x < 0, z, 1), 1 + z, out=out)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray) -> None:
    """out = dy * y * (1 - y), since that is the slope of the sigmoid.

    dy, y, out : float, one shape; dy and out may be the same array
    """
    np.multiply(dy, y * (1 - y), out=out)


def scale_by_mask(x: FloatArray, mask: BoolArray, scale: float, out: FloatArray) -> None:
    """out = x * scale where the mask is True, else 0: dropout, forward and backward alike.

    With scale = 1 / (1 - drop rate) the expected value of out is x, so evaluation needs no scaling.
    Source: Srivastava et al. 2014, "Dropout", section 10 (the "inverted" form).

    x, out : float, one shape; they may be the same array    mask : bool, the same shape
    """
    np.multiply(x, mask * x.dtype.type(scale), out=out)


# --- the loss ---------------------------------------------------------------------------------------------------


def softmax_cross_entropy(
    logits: FloatArray, labels: IntArray, scale: float, smoothing: float, losses: FloatArray, dlogits: FloatArray
) -> None:
    """Each example's cross-entropy, and the gradient of `scale` times their sum.

    With p = softmax(z) the loss of an example of class c is

        -log p[c] = -log( exp(z[c]) / sum_j exp(z[j]) ) = log(sum_j exp(z[j])) - z[c]

    and its derivative by z[i] is exp(z[i]) / sum_j exp(z[j]) - [i = c], that is p[i] - [i = c]: what was said
    less what was right. Taking the largest logit from all of them first changes nothing and keeps exp from
    overflowing; never forming log(p) keeps a tiny p from becoming log(0).

    With smoothing s what is right is not onehot, 1 for c and 0 for all others, but target = (1 - s) * onehot + s / C,
    so that no logit need grow without end. The loss is -sum_j target[j] * log p[j] = log(sum_j exp(z[j])) -
    sum_j target[j] * z[j], that is s * (z[c] - mean z) more than without, and its derivative p - target is
    s * (onehot - 1 / C) more. Source: Szegedy et al. 2016, "Rethinking the Inception architecture", section 7.

    logits, dlogits : float (B, C)    labels : int (B,), 0 .. C-1    losses : float (B,)
    scale : each example's share in the mean, 1/B    smoothing : 0 <= s < 1
    """
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    losses[:] = np.log(sums[:, 0]) - shifted[rows, labels]
    np.divide(exps, sums, out=dlogits)
    dlogits[rows, labels] -= 1
    if smoothing:
        losses += smoothing * (shifted[rows, labels] - shifted.mean(axis=1))
        dlogits -= smoothing / logits.shape[1]
        dlogits[rows, labels] += smoothing
    dlogits *= scale


# --- the optimizers -----------------------------------------------------------------------------------------------


def sgd(w: FloatArray, dw: FloatArray, velocity: FloatArray, learning_rate: float, momentum: float) -> None:
    """One step of gradient descent with momentum, in place.

    velocity = momentum * velocity + dw, then w = w - learning_rate * velocity: a ball that rolls downhill.
    Source: Polyak 1964; the form of PyTorch and of TensorFlow's MomentumOptimizer.

    w, dw, velocity : float (P,)
    """
    velocity *= momentum
    velocity += dw
    w -= learning_rate * velocity


def adam(
    w: FloatArray, dw: FloatArray, m: FloatArray, v: FloatArray,
    step_size: float, beta1: float, beta2: float, epsilon: float,
) -> None:  # fmt: skip
    """One step of Adam, in place: the mean gradient, over the root of the mean squared gradient.

    m and v are running means of dw and dw². `step_size` and `epsilon` arrive with the bias correction of
    both means in them (nn/optim.py).
    Source: Kingma and Ba 2015, "Adam", the efficient form at the end of section 2.

    w, dw, m, v : float (P,)
    """
    m[:] = beta1 * m + (1 - beta1) * dw
    v[:] = beta2 * v + (1 - beta2) * dw * dw
    w -= step_size * m / (np.sqrt(v) + epsilon)


# --- what the aids to an optimizer do (nn/aids.py) ------------------------------------------------------------------


def shrink(w: FloatArray, factor: float) -> None:
    """w = factor * w, in place: weight decay, and the clipping of gradients.

    The factor is not rounded to w's type: that of a decay is so near to 1 that float32 would keep few of its digits.

    w : float (P,)
    """
    np.multiply(w, np.float64(factor), out=w, casting="same_kind")


def approach(average: FloatArray, w: FloatArray, share: float) -> None:
    """average = (1 - share) * average + share * w, in place: one step of a running mean.

    Written as the average and a share of the way from there to w, it needs one product, and w = average stays.

    average, w : float (P,)
    """
    average += share * (w - average)


def sum_squares(x: FloatArray, out: FloatArray) -> None:
    """The squares of all numbers of x, added up in K sums side by side: together they are |x|².

    out[k] = x[k]² + x[k + K]² + x[k + 2K]² + …, in this order whoever does it: a norm that depended on the number of
    threads would make the run depend on it. In float64, where the square of no float32 overflows.

    x : float (P,)    out : float64 (K,)
    """
    rows = np.zeros((-(-len(x) // len(out)), len(out)))
    rows.ravel()[: len(x)] = x
    np.sum(rows * rows, axis=0, out=out)


# --- the data -------------------------------------------------------------------------------------------------------


def pixels_to_floats(pixels: ByteArray, out: FloatArray) -> None:
    """out = pixels / 255: no ink is 0, full ink is 1. The only 1/255 in the program.

    pixels : uint8 (B, D)    out : float (B, D)
    """
    np.divide(pixels, 255, out=out, dtype=out.dtype)


def distort(
    pixels: ByteArray, affine: FloatArray, knots: FloatArray, rows: FloatArray, columns: FloatArray, out: FloatArray
) -> None:
    """Each picture pulled out of shape: out[y, x] is what it shows at a place near (y, x), divided by 255.

    The place is an affine map of (y, x, 1), and a smooth field of small moves on top of it, which a few knots span:

        place[c] = affine[c] @ (y, x, 1) + sum_ij rows[y, i] * columns[x, j] * knots[c, i, j]      c = 0 down, 1 across

    Between pixels the four round the place are mixed by nearness (bilinear); outside the picture there is nothing. All
    in one look-up: to look up twice would blur twice.

    pixels : uint8 (B, H, W)    affine : float (B, 2, 3)    knots : float (B, 2, G, G), in pixels
    rows : float (H, G), columns : float (W, G), what each knot counts at each pixel    out : float (B, H*W)
    """
    examples, height, width = pixels.shape
    y, x = np.mgrid[:height, :width]
    grid = np.stack([y, x, np.ones_like(x)]).reshape(3, -1).astype(out.dtype)
    field = np.einsum("yi,bcij,xj->bcyx", rows, knots, columns, optimize=True)
    place = affine @ grid + field.reshape(examples, 2, -1)
    framed = np.zeros((examples, height + 3, width + 3), out.dtype)
    framed[:, 1 : height + 1, 1 : width + 1] = pixels / out.dtype.type(255)
    down, across = np.clip(place[:, 0], -1, height) + 1, np.clip(place[:, 1], -1, width) + 1
    top, left = np.floor(down).astype(int), np.floor(across).astype(int)
    down, across = (down - top).astype(out.dtype), (across - left).astype(out.dtype)
    of = np.arange(examples)[:, None]
    upper = framed[of, top, left] * (1 - across) + framed[of, top, left + 1] * across
    lower = framed[of, top + 1, left] * (1 - across) + framed[of, top + 1, left + 1] * across
    out[:] = upper * (1 - down) + lower * down
