"""Where in a network: a layer, an input, an output; what is not there is refused with what is."""

from numnet.errors import RecipeError
from numnet.nn.layers import Dense, Layer
from numnet.nn.network import Network


def check_layer(network: Network, index: int) -> Layer:
    """The layer of that number; raises RecipeError, with those that there are, for another."""
    if 0 <= index < len(network.layers):
        return network.layers[index]
    kinds = ", ".join(f"{layer.index} {layer!r}" for layer in network.layers)
    raise RecipeError(f"layer {index}: expected 0 to {len(network.layers) - 1}: {kinds}")


def dense_layer(network: Network, index: int) -> Dense:
    """The layer of that number; raises RecipeError unless it has weights."""
    layer = check_layer(network, index)
    if isinstance(layer, Dense):
        return layer
    dense = ", ".join(str(each.index) for each in network.layers if isinstance(each, Dense))
    raise RecipeError(f"layer {index} is {layer!r} and has no weights; expected one of the layers {dense}")


def check_place(layer: Dense, name: str, index: int, count: int) -> None:
    """Raises RecipeError unless 0 <= index < count, the number of a layer's inputs or outputs."""
    if not 0 <= index < count:
        raise RecipeError(f"{name} {index} of layer {layer.index}, {layer!r}: expected 0 to {count - 1}")
