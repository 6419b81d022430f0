"""Write every figure of the README anew: `make figures`, or `python docs/figures.py NAME …` for some of them.

Between `<!-- figure: NAME -->` and `<!-- end -->` stands what the function NAME below returns; `blocking` returns
nothing, and draws the picture of docs/kernels.md.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from numnet.data.datasets import load_mnist
from numnet.nn.layers import Dense
from numnet.nn.network import Network
from numnet.training.loop import fit
from numnet.training.recipes import find_recipe

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"

TILE, GAP, CAPTION = 112, 12, 18  # pixels: 28 of the image at four times their size


def run(*arguments: str | Path, folder: str | Path = ROOT) -> str:
    """What a command prints on stdout, run in a folder."""
    return _printed([sys.executable, *map(str, arguments)], folder)


def _printed(command: list[str], folder: str | Path) -> str:
    """What a command prints; where it fails, all that it said, and no figure."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    if run.returncode:
        raise SystemExit(f"{run.stdout}{run.stderr}{' '.join(command)}: exit {run.returncode}, so there is no figure")
    return run.stdout


def train_output() -> str:
    """What `make train` prints once all is installed, compiling included."""
    command = ("-m", "numnet.train", "--save", "tutorial.npz")
    with tempfile.TemporaryDirectory() as empty:
        os.environ["NUMNET_CACHE"] = empty
        printed = run(*command, folder=empty).rstrip()
        del os.environ["NUMNET_CACHE"]
    return f"```text\n$ make train\n.venv/bin/python {' '.join(command)}\n{printed}\n```"


def test_output() -> str:
    """The results of `make test`: its three runs, and what coverage of the kernels comes to."""
    printed = _printed(["make", "test"], ROOT)
    results = [
        line
        for line in printed.splitlines()
        if " passed" in line or (line.startswith(("TOTAL", ".venv", "NUMBA")) and "-m pip " not in line)
    ]
    return "```text\n$ make test\n" + "\n".join(results) + "\n```"


def program() -> str:
    """The ten-line program and what it prints."""
    source = (ROOT / "docs" / "example.py").read_text().split("\n", 2)[2].strip()
    return f"```python\n{source}\n```\n\nIt prints\n\n```text\n{run('docs/example.py').rstrip()}\n```"


def gradcheck() -> str:
    """The certificate of the network that the recipe `intended` trains, as the command prints it."""
    return _explained("gradcheck")


def weight() -> str:
    """The story of the first layer's weight whose gradient is largest, as `explain step --layer 0` tells."""
    return _explained("weight", "0", "460", "138")


def layer() -> str:
    """The last layer's stages of a step."""
    return _explained("step", "--layer", "7")


def mutants() -> str:
    """What the trial of the gradient check comes to: its last lines."""
    command = ("-m", "numnet.explain", "gradcheck", "--mutants")
    table, _, result = run(*command).rstrip().partition("\n\n")
    first = "\n".join(table.splitlines()[:4])
    return f"```text\n$ python {' '.join(command)}\n{first}\n…\n\n{result}\n```"


def _explained(*words: str) -> str:
    command = ("-m", "numnet.explain", *words)
    return f"```text\n$ python {' '.join(command)}\n{run(*command).rstrip()}\n```"


def recipes() -> str:
    """Each recipe's accuracy over its seeds, by the lines that `make accuracy` keeps."""
    return run("-m", "benchmarks.accuracy", "--readme").rstrip()


def benchmark() -> str:
    """The summary of the benchmark's committed samples."""
    return run("-m", "benchmarks.report", "--readme").rstrip()


def templates() -> str:
    """A picture of all that the tutorial's network learns: its weight matrices multiplied together, after less before.

    Without an activation between them the product of the four is the whole network, one 28x28 template a digit.
    """
    mnist, recipe = load_mnist(), find_recipe("tutorial")
    network = recipe.network(mnist.inputs, mnist.classes, seed=0, kernels="numba")
    before = _product(network)
    fit(network, mnist.train, **recipe.training(), seed=0)
    learned = _product(network) - before
    sheet = Image.new("RGB", (5 * (TILE + GAP) + GAP, 2 * (TILE + GAP + CAPTION) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for digit in range(10):
        x, y = GAP + digit % 5 * (TILE + GAP), GAP + digit // 5 * (TILE + GAP + CAPTION)
        sheet.paste(_diverging(learned[:, digit].reshape(28, 28)), (x, y))
        draw.text((x + TILE // 2, y + TILE + 3), str(digit), fill="black", anchor="mt", font_size=14)
    PICTURES.mkdir(exist_ok=True)
    sheet.save(PICTURES / "templates.png", optimize=True)
    return "![Ten templates, orange where ink speaks for the digit, blue where against](docs/pictures/templates.png)"


def _product(network: Network) -> np.ndarray:
    """w1 @ w2 @ w3 @ w4: float (D, C)."""
    weights = [layer.w for layer in network.layers if isinstance(layer, Dense)]
    return functools.reduce(np.matmul, weights)


def _diverging(values: np.ndarray) -> Image.Image:
    """A matrix as colours, readable without telling red from green: blue below zero, white at zero, orange above."""
    strength = np.clip(values / np.abs(values).max(), -1, 1)[..., None] * 1.6
    blue, orange = np.array([33, 102, 172]), np.array([217, 95, 2])
    end = np.where(strength < 0, blue, orange)
    mixed = 255 + (end - 255) * np.minimum(np.abs(strength), 1)
    return Image.fromarray(mixed.astype(np.uint8)).resize((TILE, TILE), Image.Resampling.NEAREST)


# A five, as a hand draws it: the strokes' points, in parts of the paper's width and height.
FIVE = (
    ((0.44, 0.27), (0.52, 0.265), (0.60, 0.26), (0.645, 0.25)),
    ((0.445, 0.265), (0.435, 0.36), (0.425, 0.45), (0.47, 0.43), (0.53, 0.425), (0.585, 0.455), (0.61, 0.52),
     (0.605, 0.60), (0.57, 0.67), (0.51, 0.705), (0.45, 0.70), (0.40, 0.665)),
)  # fmt: skip


def own_digit() -> str:
    """A digit drawn for this page, in ballpoint on ruled paper in poor light, and what `predict` makes of it."""
    paper = PICTURES / "own_digit.png"
    _five_on_paper().save(paper, optimize=True)
    command = ("-m", "numnet.predict", "strong.npz", paper.name, "--show", "seen.png")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(paper, folder)
        run("-m", "numnet.train", "--recipe", "strong", "--save", "strong.npz", folder=folder)
        printed = run(*command, folder=folder).rstrip()
        shutil.copy(Path(folder) / "seen.png", PICTURES / "stages.png")
    shown = "![Each stage from the photo to the 28 x 28 pixels that the network sees](docs/pictures/stages.png)"
    return f"```text\n$ python {' '.join(command)}\n{printed}\n```\n\n{shown}"


def _five_on_paper() -> Image.Image:
    width, height = 640, 480
    page = Image.new("RGB", (width, height), (228, 222, 205))
    draw = ImageDraw.Draw(page)
    for y in range(40, height, 56):
        draw.line((0, y, width, y + 6), fill=(186, 196, 212), width=2)
    for stroke in FIVE:
        points = [(x * width, y * height) for x, y in _rounded(stroke)]
        draw.line(points, fill=(38, 52, 120), width=11, joint="curve")
        for x, y in points:
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(38, 52, 120))
    light = np.linspace(1.0, 0.5, width)[:, None] * np.linspace(0.95, 1.05, height)[:, None, None]
    grain = np.random.default_rng(0).normal(0, 4, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(page) * light + grain, 0, 255).astype(np.uint8))


def _rounded(stroke: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The stroke with its corners cut three times (Chaikin 1974), which leaves a smooth curve."""
    points = np.array(stroke)
    for _ in range(3):
        cut = [0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]]
        points = np.concatenate([points[:1], np.stack(cut, 1).reshape(-1, 2), points[-1:]])
    return [(float(x), float(y)) for x, y in points]


INK, PALE, FILL, DARK = (40, 40, 40), (238, 238, 238), (158, 202, 225), (33, 102, 172)


def blocking() -> None:
    """The picture in docs/kernels.md: out, a and b with a part, a block, a panel, a strip and a tile of them."""
    from numnet.kernels.matmul import COLUMNS, DEPTH, HEIGHT, ROWS, WIDTH

    sheet = Image.new("RGB", (860, 560), "white")
    draw = ImageDraw.Draw(sheet)
    _matrix(draw, (60, 250, 310, 500), "a: M x K", [((60, 330, 185, 430), FILL), ((60, 360, 185, 378), DARK)])
    _matrix(draw, (370, 50, 770, 210), "b: K x N", [((370, 50, 570, 130), FILL), ((410, 50, 440, 130), DARK)])
    _matrix(draw, (370, 250, 770, 500), "out: M x N", [((370, 250, 570, 500), FILL), ((410, 360, 440, 378), DARK)])
    for place, text in (
        ((60, 510), f"rows: {ROWS} x {DEPTH} of a, in the second cache"),
        ((60, 530), f"dark: a strip, {HEIGHT} rows, one tile high"),
        ((370, 510), "part: a rectangle of out for each thread"),
        ((370, 530), f"dark: a tile, {HEIGHT} x {WIDTH} sums in registers"),
        ((580, 70), f"columns: {DEPTH} x {COLUMNS} of b,"),
        ((580, 88), "copied into panels"),
        ((580, 106), f"dark: a panel, {WIDTH} columns,"),
        ((580, 124), "in the first cache"),
        ((60, 80), f"for each {COLUMNS} columns of b:"),
        ((60, 100), "  for each block of k:"),
        ((60, 120), "    for each block of rows of a:"),
        ((60, 140), "      for each panel of b:"),
        ((60, 160), "        for each strip of a:"),
        ((60, 180), "          one tile, over the block's k"),
    ):
        draw.text(place, text, fill=INK, font_size=14)
    sheet.save(PICTURES / "blocking.png", optimize=True)


def _matrix(
    draw: ImageDraw.ImageDraw, box: tuple[int, ...], name: str, parts: list[tuple[tuple[int, ...], tuple[int, ...]]]
) -> None:
    draw.rectangle(box, fill=PALE)
    for part, colour in parts:
        draw.rectangle(part, fill=colour)
    draw.rectangle(box, outline=INK)
    draw.text((box[0], box[1] - 20), name, fill=INK, font_size=15)


FIGURES: dict[str, Callable[[], str | None]] = {
    "blocking": blocking,
    "train_output": train_output,
    "test_output": test_output,
    "templates": templates,
    "own_digit": own_digit,
    "program": program,
    "gradcheck": gradcheck,
    "mutants": mutants,
    "layer": layer,
    "weight": weight,
    "recipes": recipes,
    "benchmark": benchmark,
}


def main(names: list[str]) -> None:
    """Rewrite the named figures, or all of them."""
    readme = ROOT / "README.md"
    for name in names or FIGURES:
        if (text := FIGURES[name]()) is None:
            continue
        pattern = rf"(<!-- figure: {name} -->\n).*?(<!-- end -->)"
        renewed, count = re.subn(pattern, lambda m, t=text: f"{m[1]}{t}\n{m[2]}", readme.read_text(), flags=re.DOTALL)
        if not count:
            raise SystemExit(f"README.md has no place for figure {name}")
        readme.write_text(renewed)
        print(f"README.md: {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
