"""What the compiler made of a function's innermost loop, counted: the page says what a run has found.

Assembly is in AT&T's form: `vfmadd231ps 32(%rax), %ymm1, %ymm2` reads memory and writes its last operand.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

WIDTHS = {"z": 512, "y": 256, "x": 128}  # bits of a register %zmm, %ymm, %xmm
MULTIPLY_ADD = re.compile(r"vfn?m(add|sub)\d+[ps]s\b")
ARITHMETIC = re.compile(r"v?(fn?m(add|sub)\d+|mul|add|sub)([ps])s\b")
NO_ACCESS = ("lea", "nop", "prefetch")  # have an address, and neither load nor store a number


@cache
def hot_loop(function: Any, mark: str = "") -> dict[str, int]:
    """Counts of the innermost loop that keeps the most sums, among those in which there is an instruction `mark`.

    sums : registers that carry a value from one time round to the next
    packed, scalar : multiplications and additions of vectors, and of single numbers; a multiply-add is one
    fused : how many of them are multiply-adds
    bits : of the widest vector
    loads, stores : of numbers, whole ones and addresses too, and of vectors; part of another instruction or not
    instructions : all
    """
    loops = [loop for text in function.inspect_asm().values() for loop in _innermost_loops(text)]
    counts = [_count(loop) for loop in loops if mark in "\n".join(loop)]
    return max(counts, key=lambda count: (count["packed"] > 0, count["sums"], count["packed"]), default={})


def _innermost_loops(assembly: str) -> Iterator[list[str]]:
    """Stretches of instructions from a label to a jump back to it, with no other such jump between them."""
    lines = [line.split("#")[0].strip() for line in assembly.splitlines()]
    labels: dict[str, int] = {}
    last_jump = 0
    for i, line in enumerate(lines):
        if line.endswith(":"):
            labels[line[:-1]] = i
        elif jump := re.match(r"j\w+\s+(\S+)$", line):
            start = labels.get(jump[1])
            if start is not None:
                if start >= last_jump:
                    yield [one for one in lines[start:i] if one and not one.startswith(".") and not one.endswith(":")]
                last_jump = i


def _count(loop: list[str]) -> dict[str, int]:
    arithmetic = [line for line in loop if ARITHMETIC.match(line)]
    packed = [line for line in arithmetic if ARITHMETIC.match(line)[3] == "p"]
    memory = [line for line in loop if "(" in line and not line.startswith(NO_ACCESS)]
    stores = [line for line in memory if line.endswith(")") and not line.startswith(("cmp", "test"))]
    return {
        "sums": len(_carried(loop)),
        "packed": len(packed),
        "scalar": len(arithmetic) - len(packed),
        "fused": sum(bool(MULTIPLY_ADD.match(line)) for line in arithmetic),
        "bits": max((WIDTHS[name] for line in packed for name in re.findall(r"%([xyz])mm", line)), default=0),
        "loads": len(memory) - len(stores),
        "stores": len(stores),
        "instructions": len(loop) + 1,
    }


def _carried(loop: list[str]) -> set[str]:
    """Numbers of the vector registers that are read before they are written in the loop, and written in it."""
    early, written = set[str](), set[str]()
    for line in loop:
        read = re.findall(r"%[xyz]mm(\d+)", line)
        target = read[-1:] if not line.endswith(")") else []
        if target and not MULTIPLY_ADD.match(line):  # which alone reads what it writes
            read = read[:-1]
        early |= set(read) - written
        written |= set(target)
    return early & written
