"""The laws of the house that a program can check: who imports whom, what no file may do, what the project declares.

errors, randomness, version  <-  kernels  <-  data, nn  <-  training  <-  console  <-  the doors  <-  explain
"""

import ast
import configparser
import graphlib
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import numnet

Command = Callable[..., "subprocess.CompletedProcess[str]"]

PACKAGE = Path(numnet.__file__).parent
PROJECT = Path(__file__).parent.parent
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {".".join(file.relative_to(PACKAGE).with_suffix("").parts): ast.parse(file.read_text()) for file in FILES}
MODULES = {name.removesuffix(".__init__"): tree for name, tree in TREES.items() if name != "__init__"}

# From the ground up. A room may import from lower floors and from itself; a file that is on no floor is a door.
FLOORS = (("errors", "randomness", "version"), ("kernels",), ("data", "nn"), ("training",), ("console",))
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
DOORS = len(FLOORS)
FLOOR_OF["explain"] = DOORS + 1  # teaching looks at everything, and nothing needs it

KNOWN_OF_KERNELS = ("FloatArray", "IntArray", "BoolArray", "ByteArray", "Kernels", "load_kernels")  # to who teaches

modules = pytest.mark.parametrize("module", MODULES)


def imports(tree: ast.AST) -> Iterator[str]:
    """The dotted name of everything that is imported anywhere in a file, `from a import b` as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner(names: Iterator[str]) -> set[str]:
    """The modules of this package among dotted names, such as nn.layers for numnet.nn.layers.Dense."""
    dotted = {name.removeprefix("numnet.") for name in names if name.startswith("numnet.")}
    return {name if name in MODULES else name.rpartition(".")[0] for name in dotted}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def floor_of(module: str) -> int:
    return FLOOR_OF.get(room_of(module), DOORS)


def test_every_module_is_looked_at() -> None:
    assert {"errors", "kernels", "kernels.textbook", "nn.layers", "training.loop", "train", "__main__"} <= set(MODULES)
    assert inner(imports(MODULES["train"])) >= {"console", "training.recipes", "training.loop", "data.datasets"}


@modules
def test_imports_point_one_way_and_no_door_imports_a_door(module: str) -> None:
    assert "numnet" not in imports(MODULES[module])  # that is every floor at once
    for other in inner(imports(MODULES[module])):
        own_room = room_of(other) == room_of(module) and floor_of(module) != DOORS
        assert other in MODULES, f"{module} imports numnet.{other}, which is no module"
        assert own_room or floor_of(other) < floor_of(module), f"{module} imports {other}"


@modules
def test_what_teaches_looks_at_kernels_through_a_network(module: str) -> None:
    """Of the kernels themselves it knows their types and their names, so that no figure of its comes from elsewhere."""
    if room_of(module) == "explain":
        known = {name for name in imports(MODULES[module]) if name.startswith("numnet.kernels")}
        assert known <= {f"numnet.kernels.{name}" for name in KNOWN_OF_KERNELS}


def test_no_module_needs_itself() -> None:
    """Imports at the top of files make no cycle; those inside a function happen later, and those for types never."""

    def at_the_top(tree: ast.Module) -> set[str]:
        return inner(name for node in tree.body if not isinstance(node, ast.If | ast.FunctionDef | ast.ClassDef)
                     for name in imports(node))  # fmt: skip

    graphlib.TopologicalSorter({module: at_the_top(tree) for module, tree in MODULES.items()}).prepare()


@modules
def test_only_the_kernels_know_numba(module: str) -> None:
    if room_of(module) != "kernels":
        assert not {"numba", "llvmlite"} & {name.partition(".")[0] for name in imports(MODULES[module])}


@modules
def test_nothing_is_unpickled_evaluated_or_executed(module: str) -> None:
    """No code in data."""
    assert not {"pickle", "marshal", "shelve", "dill", "joblib"} & {
        n.partition(".")[0] for n in imports(MODULES[module])
    }
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Name):
            assert node.id not in ("eval", "exec", "compile", "__import__"), f"line {node.lineno}: {node.id}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False", f"line {node.value.lineno}: allow_pickle"


@pytest.mark.parametrize("name", TREES)
def test_a_module_says_what_it_is_and_stays_short(name: str) -> None:
    assert len(ast.get_docstring(TREES[name]) or "") > 20
    assert len((PACKAGE / f"{name.replace('.', '/')}.py").read_text().splitlines()) <= 400
    assert name.rpartition(".")[2] not in ("utils", "util", "helpers", "helper", "common", "misc")


def test_the_textbook_path_runs_where_there_is_no_numba(numnet_command: Command) -> None:
    program = """if True:
        import sys
        for name in ("numba", "llvmlite", "PIL"):
            sys.modules[name] = None  # an import of it raises ImportError
        import numpy as np
        import numnet
        split = numnet.Split(np.arange(48, dtype=np.uint8).reshape(12, 2, 2), np.arange(12, dtype=np.uint8) % 3)
        for activation in ("relu", "tanh", "sigmoid"):
            network = numnet.Network.mlp((4, 5, 3), activation=activation, dropout=0.5, kernels="textbook")
            history = numnet.fit(network, split, steps=3, batch_size=5, callbacks=[numnet.BatchLog()])
            print(len(history.losses), network.predict(split.images).shape, numnet.evaluate(network, split).loss > 0)
    """
    run = numnet_command("-c", program)
    assert (run.stdout, run.stderr) == ("3 (12, 3) True\n" * 3, "")


# What the project declares


def setup() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(PROJECT / "setup.cfg")
    return config


def libraries(requirements: str) -> set[str]:
    return set(re.findall(r"^\s*([A-Za-z][\w-]*)", requirements, re.MULTILINE))


def test_three_libraries_are_needed_and_no_more() -> None:
    assert libraries(setup()["options"]["install_requires"]) == {"numpy", "numba", "pillow"}
    assert setup()["options"]["python_requires"] == ">=3.11"


def test_the_extra_all_is_what_a_user_may_want() -> None:
    extras = {name: libraries(text) for name, text in setup()["options.extras_require"].items()}
    wanted = [found for name, found in extras.items() if name not in ("all", "docs", "test", "bench")]
    assert extras["all"] == set().union(*wanted)
    assert {"pytest", "hypothesis", "ruff"} <= extras["test"]


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == numnet.__version__


def code_lines(file: Path) -> int:
    """Lines that are neither blank, nor comment, nor docstring."""
    source = file.read_text()
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docstrings |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = enumerate(source.splitlines(), start=1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and n not in docstrings for n, line in lines)


def test_what_is_computed_is_read_in_one_sitting() -> None:
    """The layers, the loss, the network, the optimizers and the textbook kernels: the reference for all else."""
    files = [*(PACKAGE / "nn").glob("*.py"), PACKAGE / "kernels" / "textbook.py"]
    assert 300 < sum(map(code_lines, files)) < 500
