"""What is wrong with these gradients? From what anybody can see: what layers took and gave, gradients and slopes.

A bug leaves its mark. All gradients too large by B: the mean's 1/B is missing. Those of one layer's biases alone too
small by B: a mean of what is averaged already. All wrong below an activation, and right above it: something in its
slope. So each known mistake is made here once more, by the book and on these very numbers, at each place where it
could be made, and what it would give is held against what was given. That names the mistakes that are listed here,
whatever the network, its size and its numbers; what fits none of them is told by its place alone.

Nothing here looks at the code that went backward.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from numnet.kernels import BoolArray, FloatArray
from numnet.nn.layers import Dense, Dropout, Layer, ReLU, Sigmoid, Tanh

WRONG = 1e-6  # of a tensor's largest number: what differences can tell, and far less than any mistake makes
SAME = 1e-9  # of a tensor's largest number: two ways to compute one thing in float64


class Seen(NamedTuple):
    """A layer as one sees it: its kind, what it took and gave, float64 (B, D) and (B, H), and what it holds."""

    kind: type[Layer]
    x: FloatArray
    y: FloatArray
    w: FloatArray | None = None
    mask: BoolArray | None = None
    scale: float = 1.0


Gradients = dict[tuple[int, str], FloatArray]  # by layer and "dw" or "db"


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis is made from.

    layers : in order    labels : int (B,)
    analytic : what backward gave    numeric : what the loss says where each number is nudged
    noise : what rounding can add to a slope
    """

    layers: list[Seen]
    labels: Any
    analytic: Gradients
    numeric: Gradients
    noise: float


class Diagnosis(NamedTuple):
    """name : of the mistake    layer : where; None for the loss, or for all gradients    sentence : for people."""

    name: str
    layer: int | None
    sentence: str


def diagnose(evidence: Evidence) -> Diagnosis | None:
    """What is wrong; None where nothing is."""
    wrong = [key for key, slope in evidence.numeric.items() if _differ(evidence, key, slope)]
    if not wrong:
        return None
    found = _of_all_alike(evidence)
    if found is None:
        found = next((d for d in _mistakes(evidence) if d is not None), None)
    return found or _by_place(max(wrong, key=lambda key: key[0]))


def _differ(evidence: Evidence, key: tuple[int, str], slope: FloatArray) -> bool:
    gradient = evidence.analytic[key]
    allowed = max(WRONG * abs(slope).max(), WRONG * abs(gradient).max(), evidence.noise)
    return not abs(gradient - slope).max() <= allowed  # NaN is wrong, too


def _of_all_alike(evidence: Evidence) -> Diagnosis | None:
    """A factor that all gradients have."""
    pairs = [(evidence.analytic[key], slope) for key, slope in evidence.numeric.items()]
    given, right = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    factor = float(given @ right) / float(right @ right)
    if not abs(given - factor * right).max() <= WRONG * abs(given).max() + abs(factor) * evidence.noise:
        return None
    examples = len(evidence.labels)
    known = {
        float(examples): ("no 1/B", "each is larger by the number of images: the mean's 1/B is missing"),
        1 / examples: ("1/B twice", "each is smaller by the number of images: an average of averages"),
        -1.0: ("sign turned", "each has the other sign: the loss would be climbed"),
        2.0: ("gradients added up twice", "each is twice too large: added to the last ones, which were not cleared"),
    }
    for value, (name, sentence) in known.items():
        if abs(factor / value - 1) < WRONG:
            return Diagnosis(name, None, sentence)
    sentence = f"each is {factor:.6g} times what it should be: clipped, or a loss that was scaled, and not scaled back"
    return Diagnosis("all gradients scaled", None, sentence)


def _by_place(wrong: tuple[int, str]) -> Diagnosis:
    layer, name = wrong
    return Diagnosis("unknown", layer, f"from the loss backward the first that is wrong is {name} of layer {layer}")


# --- backward by the book, with room for one mistake ------------------------------------------------------------------


class Back(NamedTuple):
    """What a layer gives going backward."""

    dx: FloatArray
    dw: FloatArray | None = None
    db: FloatArray | None = None


def _by_the_book(seen: Seen, dy: FloatArray) -> Back:
    if seen.w is not None:
        return Back(dy @ seen.w.T, seen.x.T @ dy, dy.sum(axis=0))
    if seen.kind is ReLU:
        return Back(dy * (seen.y > 0))
    if seen.kind is Tanh:
        return Back(dy * (1 - seen.y**2))
    if seen.kind is Sigmoid:
        return Back(dy * seen.y * (1 - seen.y))
    return Back(dy if seen.mask is None else dy * seen.mask * seen.scale)


def _dense(seen: Seen, dy: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """dx, dw and db by the book, of a dense layer."""
    dx, dw, db = _by_the_book(seen, dy)
    assert dw is not None
    assert db is not None
    return dx, dw, db


def _matrix(seen: Seen) -> FloatArray:
    """The weights of a dense layer."""
    assert seen.w is not None
    return seen.w


def _dw(change: Callable[[Seen, FloatArray, FloatArray], FloatArray]) -> Callable[[Seen, FloatArray], Back]:
    def back(seen: Seen, dy: FloatArray) -> Back:
        dx, dw, db = _dense(seen, dy)
        return Back(dx, change(seen, dy, dw), db)

    return back


def _db(change: Callable[[FloatArray, FloatArray], FloatArray]) -> Callable[[Seen, FloatArray], Back]:
    def back(seen: Seen, dy: FloatArray) -> Back:
        dx, dw, db = _dense(seen, dy)
        return Back(dx, dw, change(dy, db))

    return back


def _dx(change: Callable[[Seen, FloatArray], FloatArray]) -> Callable[[Seen, FloatArray], Back]:
    def back(seen: Seen, dy: FloatArray) -> Back:
        _, dw, db = _dense(seen, dy)
        return Back(change(seen, dy), dw, db)

    return back


class Mistake(NamedTuple):
    """One that can be made in a kind of layer: its name, what it is, and backward with it."""

    name: str
    kind: type[Layer]
    sentence: str
    back: Callable[[Seen, FloatArray], Back]
    square: bool = False


MISTAKES = [
    Mistake("dw a mean again", Dense, "dw is smaller by the number of images: dy carries 1/B already",
            _dw(lambda seen, dy, dw: dw / len(dy))),
    Mistake("dw transposed", Dense, "dw is its own transpose: dy.T @ x in place of x.T @ dy",
            _dw(lambda seen, dy, dw: dw.T), square=True),
    Mistake("dw without the last image", Dense, "dw lacks what the last image adds",
            _dw(lambda seen, dy, dw: dw - np.outer(seen.x[-1], dy[-1]))),
    Mistake("dw a row off", Dense, "dw's rows are one further down than they belong",
            _dw(lambda seen, dy, dw: np.concatenate([dw[-1:], dw[:-1]]))),
    Mistake("dw forgotten", Dense, "dw is nothing but zeros",
            _dw(lambda seen, dy, dw: 0 * dw)),
    Mistake("db a mean", Dense, "db is smaller by the number of images: dy carries 1/B already",
            _db(lambda dy, db: db / len(dy))),
    Mistake("db forgotten", Dense, "db is nothing but zeros",
            _db(lambda dy, db: 0 * db)),
    Mistake("db summed over units too", Dense, "db has one number for all units",
            _db(lambda dy, db: np.full_like(db, db.sum()))),
    Mistake("db of the first image alone", Dense, "db is the first image's dy",
            _db(lambda dy, db: dy[0])),
    Mistake("dx by w, not w.T", Dense, "what goes on down is dy @ w in place of dy @ w.T",
            _dx(lambda seen, dy: dy @ _matrix(seen)), square=True),
    Mistake("dx cut off", Dense, "nothing goes on down",
            _dx(lambda seen, dy: 0 * seen.x)),
    Mistake("relu lets all back", ReLU, "where units were off dy comes through: the mask is missing",
            lambda seen, dy: Back(dy)),
    Mistake("relu's mask turned round", ReLU, "dy comes through where units were off, and only there",
            lambda seen, dy: Back(dy * (seen.y == 0))),
    Mistake("relu's mask by dy", ReLU, "positive dy comes through, wherever: the mask is of dy in place of y",
            lambda seen, dy: Back(np.maximum(dy, 0))),
    Mistake("relu times y", ReLU, "dy is multiplied by y in place of by whether y > 0",
            lambda seen, dy: Back(dy * seen.y)),
    Mistake("tanh's slope left out", Tanh, "dy comes through as it is",
            lambda seen, dy: Back(dy)),
    Mistake("tanh's y not squared", Tanh, "dy is multiplied by 1 - y in place of 1 - y²",
            lambda seen, dy: Back(dy - dy * seen.y)),
    Mistake("tanh's slope without the 1 -", Tanh, "dy is multiplied by y² in place of 1 - y²",
            lambda seen, dy: Back(dy * seen.y * seen.y)),
    Mistake("sigmoid's slope left out", Sigmoid, "dy comes through as it is",
            lambda seen, dy: Back(dy)),
    Mistake("sigmoid's slope without y", Sigmoid, "dy is multiplied by 1 - y in place of y (1 - y)",
            lambda seen, dy: Back(dy - dy * seen.y)),
    Mistake("sigmoid's slope without 1 - y", Sigmoid, "dy is multiplied by y in place of y (1 - y)",
            lambda seen, dy: Back(dy * seen.y)),
    Mistake("dropout left out", Dropout, "dy comes through as it is: mask and scale are missing",
            lambda seen, dy: Back(dy)),
    Mistake("dropout's mask left out", Dropout, "what was dropped gets dy all the same",
            lambda seen, dy: Back(seen.scale * dy)),
    Mistake("dropout's scale left out", Dropout, "dy is masked, but not scaled as forward was",
            lambda seen, dy: Back(dy if seen.mask is None else seen.mask * dy)),
]  # fmt: skip


def _mistakes(evidence: Evidence) -> Iterator[Diagnosis | None]:
    """Each mistake at each place, with a diagnosis where it explains every gradient."""
    dlogits = _dlogits(evidence)
    for name, sentence, wrong in _in_the_loss(evidence):
        if _explains(evidence, _gradients(evidence, wrong)):
            yield Diagnosis(name, None, sentence)
    for index, seen in enumerate(evidence.layers):
        for mistake in MISTAKES:
            square = seen.w is not None and seen.w.shape[0] == seen.w.shape[1]
            if mistake.kind is seen.kind and (square or not mistake.square):
                found = _gradients(evidence, dlogits, index, mistake.back)
                if _explains(evidence, found):
                    yield Diagnosis(mistake.name, index, mistake.sentence)
        if seen.kind is Dropout and seen.mask is not None:
            yield _by_another_mask(evidence, dlogits, index)
        if seen.kind is Dense:
            yield _updated_too_early(evidence, dlogits, index)


def _gradients(
    evidence: Evidence,
    dlogits: FloatArray,
    at: int | None = None,
    back: Callable[[Seen, FloatArray], Back] = _by_the_book,
) -> Gradients:
    """All gradients by the book, but for a mistake in layer `at`."""
    found: Gradients = {}
    dy = dlogits
    for index in reversed(range(len(evidence.layers))):
        step = (back if index == at else _by_the_book)(evidence.layers[index], dy)
        if step.dw is not None and step.db is not None:
            found[index, "dw"], found[index, "db"] = step.dw, step.db
        dy = step.dx
    return found


def _explains(evidence: Evidence, found: Gradients) -> bool:
    """Whether these are the gradients that backward gave."""
    return all(
        abs(gradient - found[key]).max() <= SAME * max(abs(gradient).max(), abs(found[key]).max())
        for key, gradient in evidence.analytic.items()
    )


# --- in the loss ------------------------------------------------------------------------------------------------------


def _probabilities(evidence: Evidence) -> FloatArray:
    exps = np.exp(evidence.layers[-1].y - evidence.layers[-1].y.max(axis=1, keepdims=True))
    return np.asarray(exps / exps.sum(axis=1, keepdims=True))


def _dlogits(evidence: Evidence) -> FloatArray:
    p = _probabilities(evidence)
    p[np.arange(len(p)), evidence.labels] -= 1
    return np.asarray(p / len(p))


def _in_the_loss(evidence: Evidence) -> Iterator[tuple[str, str, FloatArray]]:
    """Mistakes in the loss: name, sentence, and the dlogits that they give."""
    logits, p, right = evidence.layers[-1].y, _probabilities(evidence), _dlogits(evidence)
    examples, rows = len(p), np.arange(len(p))
    yield "onehot not taken off", "dlogits is p / B: nobody said what was right", p / examples
    for shift in (1, -1):
        off = p.copy()
        off[rows, (evidence.labels.astype(int) + shift) % p.shape[1]] -= 1
        yield "label off by one", "dlogits takes 1 off beside the label", off / examples
    raw = logits.copy()
    raw[rows, evidence.labels] -= 1
    yield "no softmax", "dlogits is made of the logits as they are, in place of p", raw / examples
    again = p * (right - (p * right).sum(axis=1, keepdims=True))
    yield "softmax twice", "softmax's slope is taken again, though p - onehot has it in it", again
    last = right.copy()
    last[-1] = 0
    yield "last image left out", "no gradient has the last image's part", last


# --- mistakes with a number of their own, which is fitted -------------------------------------------------------------


def _updated_too_early(evidence: Evidence, dlogits: FloatArray, at: int) -> Diagnosis | None:
    """dx by w - rate * dw: all gradients below are off by a part that goes with the rate."""
    if at == 0:
        return None

    def only_the_error(seen: Seen, dy: FloatArray) -> Back:
        _, dw, db = _dense(seen, dy)
        return Back(dy @ dw.T, 0 * dw, 0 * db)

    right, error = _gradients(evidence, dlogits), _gradients(evidence, dlogits, at, only_the_error)
    below = [key for key in right if key[0] < at]
    shift = np.concatenate([(right[key] - evidence.analytic[key]).ravel() for key in below])
    unit = np.concatenate([error[key].ravel() for key in below])
    if not unit.any():
        return None
    rate = float(shift @ unit) / float(unit @ unit)
    if rate == 0 or np.linalg.norm(shift - rate * unit) > WRONG * np.linalg.norm(shift):
        return None
    if not _explains(evidence, {key: evidence.analytic[key] if key in below else right[key] for key in right}):
        return None
    sentence = f"dx is made with weights already updated, at a rate of {rate:.3g}: go back first, update then"
    return Diagnosis("dx by weights already updated", at, sentence)


def _by_another_mask(evidence: Evidence, dlogits: FloatArray, at: int) -> Diagnosis | None:
    """What came out of a dropout layer is 0 elsewhere than its mask: read off the weights below.

    Of the dense layer below dw = x.T @ dy; with fewer images than inputs that gives back dy itself.
    """
    below = max((i for i in range(at) if evidence.layers[i].kind is Dense), default=None)
    if below is None:
        return None
    x, dw = evidence.layers[below].x, evidence.analytic[below, "dw"]
    if np.linalg.matrix_rank(x) < len(x):
        return None
    found = _gradients(evidence, dlogits)
    back = np.linalg.pinv(x.T)
    came, should = back @ dw, back @ found[below, "dw"]
    over = abs(came).max() * WRONG
    without = _gradients(evidence, dlogits, at, lambda seen, dy: Back(seen.scale * dy))
    whole = back @ without[below, "dw"]
    kept = abs(came) > over
    seen = evidence.layers[at]
    assert seen.mask is not None
    moved = kept.any() and (kept != (abs(should) > over)).any()
    if moved and abs(came - whole * kept).max() <= 1e3 * over:
        return Diagnosis("dropout by another mask", at, "dy is masked by another mask than forward's")
    return None
