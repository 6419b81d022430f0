"""The Python interface: what `import numnet` promises is there, explained, and costs nothing until it is used."""

import ast
import inspect
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

import numnet

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_every_public_name_can_be_had_and_is_at_home_in_numnet() -> None:
    for name in numnet.__all__:
        thing = getattr(numnet, name)
        if name != "__version__":
            assert (thing.__name__, thing.__module__.split(".")[0]) == (name, "numnet")
    assert dir(numnet) == numnet.__all__ == sorted(numnet.__all__)


def test_a_star_import_brings_the_public_names_and_no_others() -> None:
    names: dict[str, object] = {}
    exec("from numnet import *", names)
    assert set(names) - {"__builtins__"} == set(numnet.__all__)


def test_a_type_checker_sees_the_same_names_from_the_same_homes() -> None:
    """`__init__` says twice where a name lives: once for type checkers, once for `__getattr__`."""
    tree = ast.parse(Path(numnet.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and "numnet." in (node.module or "")]
    seen = {node.module: tuple(alias.name for alias in node.names) for node in imports}
    assert seen == {**numnet._HOMES, "numnet.version": ("__version__",)}
    assert sorted(name for names in seen.values() for name in names) == numnet.__all__


@pytest.mark.parametrize("name", [name for name in numnet.__all__ if name != "__version__"])
def test_every_public_name_and_every_public_method_is_explained(name: str) -> None:
    thing = getattr(numnet, name)
    explained = [thing]
    if inspect.isclass(thing):
        members = inspect.getmembers(thing, lambda member: inspect.isfunction(member) or isinstance(member, property))
        explained += [member for attribute, member in members if not attribute.startswith("_")]
    for each in explained:
        text = inspect.getdoc(each) or ""
        assert len(text) > 10, f"{each} has no docstring"
        assert not text.startswith(f"{name}("), f"{each}: a dataclass's own signature explains nothing"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'numnet' has no attribute 'load_mnits'"):
        numnet.load_mnits  # noqa: B018
    with pytest.raises(ImportError):
        from numnet import load_mnits  # noqa: F401


def test_importing_numnet_loads_no_library(numnet_command: Command) -> None:
    loaded = "import sys, numnet; print(numnet.__version__, *{name.partition('.')[0] for name in sys.modules})"
    version, *names = numnet_command("-c", loaded).stdout.split()
    assert version == numnet.__version__
    assert "numnet" in names
    assert not {"numpy", "numba", "llvmlite", "PIL", "tqdm"} & set(names)


def test_the_package_says_that_it_is_typed() -> None:
    assert (resources.files("numnet") / "py.typed").is_file()
