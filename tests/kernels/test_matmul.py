"""The products by blocks: what the block sizes, the skipped zeros and the number of threads may not change.

The shapes straddle every block, of whatever size it is on this CPU: with AVX2 tiles of 6 x 16 and 1 x 64, k in blocks
of 512 and 128, rows in blocks of 48 and 96, columns of 512.
"""

import ctypes
import mmap
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numnet.data.datasets import Dataset
from numnet.kernels import compiled, matmul, threads, vector

EPS = float(np.finfo(np.float32).eps)

BLOCKS = [(100, 12, 7), (7, 300, 5), (5, 9, 530), (4, 1, 17), (6, 5, 16), (7, 4, 15), (64, 70, 33), (2, 390, 40)]
BLOCKS += [(7, matmul.DEPTH + 1, 5), (matmul.ROWS + 1, 2 * matmul.DEPTH + 1, 17), (5, 9, matmul.COLUMNS + 18)]
LARGE = [pytest.param(130, 800, 530, marks=pytest.mark.slow), pytest.param(257, 391, 1030, marks=pytest.mark.slow)]

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def as_a_large_product_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dealt out to the threads, and its zeros skipped: so that small shapes, which are quick, meet that too."""
    monkeypatch.setattr(matmul, "SMALL", 0)


def draws(*shape: int, density: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(list(shape))
    return (rng.standard_normal(shape) * (rng.random(shape) < density)).astype(np.float32)


def plain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.full((len(a), b.shape[1]), np.nan, np.float32)
    compiled.matmul(a, b, draws(b.shape[1]), out)
    return out


def turned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same product (less the bias) from a turned the other way."""
    out = np.full((len(a), b.shape[1]), np.nan, np.float32)
    compiled.matmul_at(np.ascontiguousarray(a.T), b, out)
    return out


def right_turned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.full((len(a), b.shape[1]), np.nan, np.float32)
    compiled.matmul_bt(a, np.ascontiguousarray(b.T), out)
    return out


def bias_of(product: Product, columns: int) -> np.ndarray:
    return draws(columns) if product is plain else np.zeros(columns, np.float32)


@pytest.mark.parametrize("product", [plain, turned, right_turned])
@pytest.mark.parametrize(("m", "k", "n"), BLOCKS + LARGE)
def test_shapes_across_every_block(m: int, k: int, n: int, product: Product) -> None:
    a, b, bias = draws(m, k), draws(k, n), bias_of(product, n)
    bound = 4 * (k + 1) * EPS * (abs(a).astype(float) @ abs(b) + abs(bias))
    assert (abs(product(a, b) - (a.astype(float) @ b + bias)) <= bound).all()


@pytest.mark.parametrize("product", [plain, turned, right_turned])
@pytest.mark.parametrize(
    ("m", "k", "n"), [(0, 5, 4), (5, 4, 0), (0, 0, 0), (9, 0, 3), (1, 0, 3), (2, 0, 3), (3, 0, 64)]
)
def test_empty_operands(m: int, k: int, n: int, product: Product) -> None:
    """A sum of nothing is where it starts: the bias, or zero."""
    expected = np.broadcast_to(bias_of(product, n), (m, n))
    np.testing.assert_array_equal(product(draws(m, k), draws(k, n)), expected)


@pytest.mark.parametrize("product", [plain, turned, right_turned])
@pytest.mark.parametrize("density", [0.0, 0.05, 0.4])
@pytest.mark.parametrize(
    ("m", "k", "n"), [(40, 120, 33), (61, 113, 32), (5, 900, 70), pytest.param(300, 800, 530, marks=pytest.mark.slow)]
)
def test_skipped_zeros_change_no_bit(
    m: int, k: int, n: int, density: float, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = draws(m, k, density=density), draws(k, n)
    a[0] = -0.0
    b[0] = 1e-30  # times a small number of a it underflows, to zeros of either sign
    a[:, 0] *= 1e-20
    monkeypatch.setattr(matmul, "SPARSE_BELOW", 1.1)
    skipping = product(a, b)
    monkeypatch.setattr(matmul, "SPARSE_BELOW", -1.0)
    assert skipping.tobytes() == product(a, b).tobytes()


@pytest.mark.parametrize("product", [plain, turned, right_turned])
@pytest.mark.parametrize(
    ("m", "k", "n", "density"), [(33, 40, 101, 1.0), (64, 64, 101, 0.1), (3, 70, 300, 1.0), (5, 40, 40, 1.0)]
)
def test_any_number_of_threads_gives_the_same_bits(
    m: int, k: int, n: int, density: float, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = draws(m, k, density=density), draws(k, n)
    results = set()
    for parts in (1, 2, 3, 8):
        monkeypatch.setattr(threads, "_threads", parts)
        results.add(product(a, b).tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("product", [plain, turned, right_turned])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("m", "k", "n"), [(2, 40, 20), (40, 120, 33)])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_and_infinity_in_either_operand_are_passed_on(
    m: int, k: int, n: int, value: float, product: Product
) -> None:
    """Also behind a zero: 0 * NaN is NaN, so the rows of a that are zero there may not skip it."""
    a, b = draws(m, k, density=0.1), draws(k, n)
    a[:, 7] = 0
    b[7, 3] = value
    a[1, 9] = value
    exact = a.astype(float) @ b.astype(float) + bias_of(product, n)
    found = product(a, b)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(exact))
    np.testing.assert_array_equal(np.isinf(found), np.isinf(exact))


@pytest.mark.parametrize("product", [plain, turned])
@pytest.mark.parametrize("n", [10, 64, 100, 128])
def test_a_row_by_itself_has_the_bits_that_it_has_in_a_batch(n: int, product: Product) -> None:
    """Not where b is turned: its few rows are dot products, and nobody compares the gradients of one image."""
    a, b = draws(40, 300), draws(300, n)
    together = product(a, b)
    for rows in (1, 2, 3, 4, 6, 7):
        assert product(a[:rows], b).tobytes() == together[:rows].tobytes()


@pytest.mark.parametrize("product", [plain, turned, right_turned])
@pytest.mark.parametrize("m", [2, 40])
@pytest.mark.parametrize("n", [64, 100])
def test_nan_is_passed_on_from_either_operand_alone(m: int, n: int, product: Product) -> None:
    """From a, which a list of what is not zero must not leave out; from b behind zeros of a, at the last k."""
    a, b = draws(m, 150, density=0.1), draws(150, n)
    a[:, 149] = 0
    a[1, 9] = np.nan
    assert np.isnan(product(a, b)).any(axis=1).tolist() == [i == 1 for i in range(m)]
    a[1, 9] = 0
    b[149, n - 1] = np.nan
    assert np.isnan(product(a, b)).any(axis=0).tolist() == [j == n - 1 for j in range(n)]


def test_a_sum_shows_no_trace_of_the_sign_of_a_zero() -> None:
    """-0 + 0 is 0: a bias of -0 must come out alike whether the zeros after it were added or skipped."""
    out = np.empty((40, 100), np.float32)
    compiled.matmul(np.zeros((40, 150), np.float32), draws(150, 100), np.full(100, -0.0, np.float32), out)
    assert not np.signbit(out).any()


def test_more_columns_than_zeros_were_kept_for() -> None:
    a, b = draws(2, 3), draws(3, 5000)
    np.testing.assert_allclose(turned(a, b), a.astype(float) @ b, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not vector.FUSED, reason="this CPU has no fused multiply-add")
def test_a_multiply_and_an_add_are_one_rounding() -> None:
    """(1 + 2^-12)^2 - 1 is 2^-11 + 2^-24, and a product rounded by itself loses the last."""
    a = np.tile(np.array([1, 1 + 2**-12], np.float32), (8, 1))
    b = np.tile(np.array([[-1], [1 + 2**-12]], np.float32), (1, 20))
    out = np.empty((8, 20), np.float32)
    compiled.matmul(a, b, np.zeros(20, np.float32), out)
    assert (out == np.float32(2**-11 + 2**-24)).all()


def test_the_share_of_ink_is_told_rightly_for_batches_of_any_size(mnist: Dataset) -> None:
    """Images are rows of equal length with blank margins: samples at equal distances could meet nothing but those."""
    for size in (16, 64, 128, 256):
        images = mnist.train.images[:size].reshape(size, 784).astype(np.float32)
        for turned_or_not in (images, images.T):
            told = matmul._share_of_nonzeros(np.ascontiguousarray(turned_or_not).ravel())
            assert told == pytest.approx((images != 0).mean(), abs=0.06)


def test_tiny_numbers_are_not_lost() -> None:
    """Products of about 1e-40, below the normal range of float32, still add up."""
    a, b = np.full((8, 100), 1e-20, np.float32), np.full((100, 20), 1e-20, np.float32)
    out = np.empty((8, 20), np.float32)
    compiled.matmul(a, b, np.zeros(20, np.float32), out)
    np.testing.assert_allclose(out, 1e-38, rtol=1e-3)


class Fenced:
    """Memory that ends at a page nobody may touch: one number too far ends the process."""

    PAGE = mmap.PAGESIZE

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.maps: list[mmap.mmap] = []

    def array(self, *shape: int) -> np.ndarray:
        size = 4 * int(np.prod(shape))
        pages = -(-size // self.PAGE) + 1
        region = mmap.mmap(-1, pages * self.PAGE)
        self.maps.append(region)
        whole = np.frombuffer(region, np.uint8)
        fence = whole.ctypes.data + (pages - 1) * self.PAGE
        assert self.libc.mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(self.PAGE), 0) == 0
        end = (pages - 1) * self.PAGE
        array = whole[end - size : end].view(np.float32).reshape(shape)
        array[:] = draws(*shape)
        return array


@pytest.mark.skipif(sys.platform == "win32", reason="mprotect is not to be had on Windows")
@pytest.mark.parametrize("skip", [1.1, -1.0], ids=["skipping zeros", "visiting all"])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 128])
@pytest.mark.parametrize(("m", "k"), [(1, 5), (3, 9), (4, 3), (7, 113), (13, 8)])
def test_no_load_or_store_beyond_the_operands(
    m: int, k: int, n: int, skip: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matmul, "SPARSE_BELOW", skip)
    fenced = Fenced()
    a, b, bias, out = fenced.array(m, k), fenced.array(k, n), fenced.array(n), fenced.array(m, n)
    compiled.matmul(a, b, bias, out)
    np.testing.assert_allclose(out, a @ b + bias, rtol=1e-3, atol=1e-4)
    compiled.matmul_at(a, out, b)
    np.testing.assert_allclose(b, a.T @ out, rtol=1e-3, atol=1e-3)
    compiled.matmul_bt(out, b, a)
    np.testing.assert_allclose(a, out @ b.T, rtol=1e-3, atol=1e-2)


@pytest.mark.slow
def test_no_index_outside_of_an_array(tmp_path: Path) -> None:
    """All but the explicit vectors, which the fence above is for: the tests of every kernel with Numba's own checks."""
    tests = Path(__file__).parent
    names = ("test_twins.py", "test_matmul.py", "test_parts_properties.py", "../data/test_augment.py")
    files = [str(tests / name) for name in names]
    checked = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMNET_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *files]
    done = subprocess.run(command, env=checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


OTHER_CPU = """
import sys
import llvmlite.binding as llvm
import pytest
ours = llvm.get_host_cpu_features
llvm.get_host_cpu_features = lambda: dict.fromkeys(sys.argv[1].split(","), True)
from numnet.kernels import vector
llvm.get_host_cpu_features = ours
assert str(vector.LANES) == sys.argv[2], vector.LANES
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[3:]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("features", "lanes"), [("avx512f,avx2,fma", 16), ("fma", 4)])
def test_vectors_of_other_cpus(features: str, lanes: int, tmp_path: Path) -> None:
    """LLVM makes of a vector that this CPU does not have several that it has: as slow as may be, and as right."""
    tests = str(Path(__file__)) + "::test_"
    names = ("shapes_across_every_block", "skipped_zeros_change_no_bit", "any_number_of_threads_gives_the_same_bits")
    command = [sys.executable, "-c", OTHER_CPU, features, str(lanes), *(tests + name for name in names)]
    apart = {**os.environ, "NUMNET_CACHE": str(tmp_path)}
    done = subprocess.run(command, env=apart, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
