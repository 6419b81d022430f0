"""JAX with the loop over the steps inside of one jitted call: `lax.scan`, its state donated.

Source: JAX's documentation, `jax.lax.scan`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import CALL
from benchmarks.problem import Problem
from benchmarks.rivals import jax_jit


class Rival(jax_jit.Rival):
    title = "JAX, lax.scan over many steps"
    about = f"one jitted call for {CALL} steps, the state donated"
    call_steps = CALL

    def __init__(self, problem: Problem, threads: int) -> None:
        super().__init__(problem, threads)
        self.steps = jax.jit(functools.partial(take_steps, problem), static_argnums=0, donate_argnums=1)

    def train(self, first: int, count: int) -> float:
        """A scan's length is compiled in; a single step has no use for one."""
        if count == 1:
            return super().train(first, count)
        self.state, loss = self.steps(count, self.state, self.data, np.int32(first))
        jax.block_until_ready(self.state)
        return float(loss)


def take_steps(
    problem: Problem, count: int, state: jax_jit.State, data: jax_jit.Data, first: jax.Array
) -> tuple[jax_jit.State, jax.Array]:
    """The state after `count` steps, and the loss before the last of them."""
    state, losses = jax.lax.scan(
        lambda state, step: jax_jit.take_step(problem, state, data, step), state, first + jnp.arange(count)
    )
    return state, losses[-1]
