"""What `numnet train` may be told: its flags, and what they come to together.

Nothing heavy is imported here, so that --help answers at once.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numnet.errors import RecipeError
from numnet.training.recipes import AIDS, Recipe, find_recipe

if TYPE_CHECKING:
    from numnet.training.resuming import Origin

# A flag by the name of a recipe's number replaces that number.
RECIPE_FLAGS = (
    "steps", "epochs", "batch_size", "learning_rate", "schedule", "hidden", "activation", "dropout", "optimizer",
    *AIDS, "images",
)  # fmt: skip


def add_flags(parser: ArgumentParser) -> None:
    """Each flag, of the right kind; what they mean together is `resolve`'s to judge."""
    parser.add_argument("--recipe", metavar="NAME", help="which numbers to train with (default: tutorial)")
    _add_data(parser)
    _add_network(parser)
    _add_optimizer(parser)
    _add_aids(parser)
    _add_machine(parser)
    _add_saving(parser)
    _add_results(parser)


def _add_data(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", metavar="DIR", help="a folder of four MNIST-style IDX files (default: the bundled MNIST)")
    add("--images", metavar="WHICH", help="train, or all: train on the validation split's images as well")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="how many batches to train on")
    length.add_argument("--epochs", type=float, metavar="N", help="how many times to go through the training images")
    add("--batch-size", type=int, metavar="B", help="images a step")


def _add_network(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--hidden", type=_integers, metavar="W[,W…]", help="widths of the hidden layers, such as 512,256,128")
    add("--activation", metavar="NAME", help="linear (none), relu, tanh or sigmoid")
    rates = "drop rates, one a hidden layer; one alone: where there are any"
    add("--dropout", type=_rates, metavar="R[,R…]", help=rates)


def _add_optimizer(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--optimizer", metavar="NAME", help="adam or sgd (momentum 0.9)")
    add("--learning-rate", type=float, metavar="RATE", help="at its highest, where there is a schedule")
    add("--schedule", metavar="NAME", help="how the learning rate moves: constant, linear, cosine or one_cycle")
    add("--warmup", type=int, metavar="N", help="steps over which the learning rate first rises in a line")


def _add_aids(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--distortion", type=float, metavar="F", help="images turned, stretched, moved and bent; 1: as is usual")
    decay = "each step takes learning rate * R of every weight away; with adam that is AdamW"
    add("--weight-decay", type=float, metavar="R", help=decay)
    add("--label-smoothing", type=float, metavar="S", help="this share of each label goes to all classes alike")
    average = "end with an exponential moving average (EMA) of the weights, over some 1 / (1 - D) steps"
    add("--average", type=float, metavar="D", help=average)
    add("--clip", type=float, metavar="NORM", help="scale gradients down to this norm where theirs is larger")
    patience = "stop when N epochs were no better on validation: more right or, as many, at a lower loss; keep the best"
    add("--patience", type=int, metavar="N", help=patience)


def _add_machine(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--seed", type=int, metavar="N", help="which initial weights, shuffles, masks and distortions (default: 0)")
    add("--threads", type=int, metavar="N", help="threads to compute on (default: all cores)")
    add("--kernels", metavar="SET", help="numba (compiled, default) or textbook (NumPy)")
    add("--log-every", type=int, default=100, metavar="N", help="steps between two lines (default: 100; 0: none)")


def _add_saving(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--save", type=Path, metavar="FILE.npz", help="keep the network in a model file, at the end and on Ctrl-C")
    add("--save-every", metavar="N", help="and every N steps, or Ne epochs, or Nm minutes")
    add("--stop-at", type=int, metavar="N", help="end after N of the run's steps; --resume goes on")
    add("--resume", type=Path, metavar="FILE.npz", help="go on with a run from its model file, to the run's own length")
    add("--dry-run", action="store_true", help="take one step, to see that everything works")


def _add_results(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--require-accuracy", type=float, metavar="A", help="exit 1 if the test accuracy is below A, such as 0.9")
    add("--json", action="store_true", help="print one line of JSON and nothing else")
    add("--quiet", action="store_true", help="print the test accuracy and nothing else")


def _integers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: expected whole numbers with commas between, such as 512,256,128") from None


def _rates(text: str) -> float | tuple[float, ...]:
    try:
        rates = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: expected rates with commas between, such as 0,0,0.5") from None
    return rates[0] if len(rates) == 1 else rates


def resolve(args: Namespace, origin: "Origin | None" = None) -> Recipe:
    """The recipe that the flags come to, and in `args` what they leave open.

    Raises RecipeError for what no run can have.
    origin : the run to go on with, whose settings are not for the flags to change
    """
    changes = {name: value for name in RECIPE_FLAGS if (value := getattr(args, name)) is not None}
    if origin:
        recipe, seed, kernels = _resolve_resumed(args, origin, changes)
    else:
        recipe, seed, kernels = find_recipe(args.recipe or "tutorial").changed(**changes), 0, "numba"
    args.seed = seed if args.seed is None else args.seed
    args.kernels = args.kernels or kernels
    if not 0 <= args.seed < 2**64:
        raise RecipeError(f"seed {args.seed}: expected 0 to 2**64 - 1")
    if args.log_every < 0:
        raise RecipeError(f"--log-every {args.log_every}: expected 0 (never) or more")
    if args.threads is not None and args.threads < 1:
        raise RecipeError(f"{args.threads} threads: expected at least 1")
    if args.require_accuracy is not None and not 0 <= args.require_accuracy <= 1:
        raise RecipeError(f"--require-accuracy {args.require_accuracy}: expected 0 to 1, such as 0.9")
    _check_saving(args)
    return recipe


def _resolve_resumed(args: Namespace, origin: "Origin", changes: dict[str, Any]) -> tuple[Recipe, int, str]:
    """Recipe, seed and kernels of the run to go on with."""
    from numnet.training.resuming import refuse_changes

    refuse_changes(origin, args.recipe, changes, seed=args.seed, kernels=args.kernels)
    return origin.recipe, origin.checkpoint.header.seed, origin.checkpoint.header.kernels


def _check_saving(args: Namespace) -> None:
    """Raises RecipeError for flags about saving that have nothing to save, or make no sense."""
    if args.stop_at is not None and args.stop_at < 1:
        raise RecipeError(f"--stop-at {args.stop_at}: expected at least 1")
    if args.save_every is not None and args.save is None and not args.dry_run:
        raise RecipeError("--save-every says how often: say where with --save FILE.npz")
    if args.dry_run and args.resume:
        raise RecipeError("--dry-run takes a run's first step, so there is nothing to resume: leave one of the two out")
    if args.save_every is not None:
        from numnet.training.saving import Interval

        args.save_every = Interval.parse(args.save_every)


def refuse_unknown(recipe: Recipe, kernels: str) -> None:
    """Raises RecipeError for a name that nothing goes by, or a length that no run has, before anything slow is loaded.

    Those who own the names import NumPy, so it is not `resolve` that asks.
    """
    from numnet.kernels import KERNEL_SETS, load_kernels
    from numnet.nn.layers import multilayer_perceptron
    from numnet.training.loop import check_settings, check_warmup, count_steps

    if kernels not in KERNEL_SETS:
        load_kernels(kernels)
    multilayer_perceptron((1, *recipe.hidden, 2), recipe.activation, recipe.dropout)
    check_settings(recipe.optimizer, recipe.learning_rate, recipe.schedule, vars(recipe))
    steps = count_steps(recipe.steps, recipe.epochs, recipe.batch_size, images=1)
    if recipe.steps is not None:  # how long an epoch is, the data say
        check_warmup(recipe.warmup, steps)


def first_step(recipe: Recipe, images: int) -> Recipe:
    """What --dry-run takes of a run on so many images: one step, after no warm-up.

    Raises RecipeError where the whole run is none: who tries it wants to know that.
    """
    from numnet.training.loop import check_warmup, count_steps

    check_warmup(recipe.warmup, count_steps(recipe.steps, recipe.epochs, recipe.batch_size, images))
    return recipe.changed(steps=1, warmup=0)
