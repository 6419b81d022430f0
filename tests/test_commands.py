"""Commands as a person runs them: what is printed and where, exit codes, refusals, interruptions."""

import hashlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import numnet
from numnet.training.sources import code_digest

Result = subprocess.CompletedProcess[str]
Command = Callable[..., Result]
Train = Callable[..., Result]

# What `--json` prints, as the design has it.
FIELDS = (
    "format recipe seed steps threads kernels data_seconds compile_seconds train_seconds total_seconds "
    "images_per_second test_accuracy test_loss parameters_sha256 saved "
    "epochs validation_accuracy test_errors flops parameters code data_sha256"
)
SMALL = ("--hidden", "8", "--batch-size", "16", "--kernels", "textbook")
ENDLESS = ("--steps", "100000000", "--log-every", "1000")


@pytest.fixture
def train(numnet_command: Command, tiny_folder: Path, tmp_path: Path) -> Train:
    """`train("--steps", 3)`: `python -m numnet.train` on the tiny folder, a small network, textbook kernels."""

    def run(*flags: object, small: bool = True) -> Result:
        small_flags = SMALL if small else ()
        return numnet_command("-m", "numnet.train", "--data", tiny_folder, *small_flags, *flags, cwd=tmp_path)

    return run


def result_of(run: Result) -> dict[str, object]:
    """The one object that a command with --json printed, alone, on one line."""
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("\n") == 1
    return json.loads(run.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def refused(run: Result, *words: str) -> None:
    """Exit code 2, one line on stderr with all the words, no result."""
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("numnet")
    assert run.stderr.count("\n") == 1
    for word in words:
        assert word in run.stderr


# What is printed


def test_a_run_tells_its_story(train: Train) -> None:
    run = train("--steps", 5, "--log-every", 2, "--seed", 7)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    for word in ("tutorial: 30-8-3, linear, dropout none", "adam 0.0001 constant, batch 16, 5 steps, seed 7"):
        assert word in lines[0]
    assert lines[1] == f"tiny: 220 train, 20 validation, 48 test; kernels textbook, {os_threads()}"
    iterations = [line for line in lines if line.startswith("Iteration")]
    for step, line in zip((0, 2, 4), iterations, strict=True):
        assert re.fullmatch(rf"Iteration {step} \t\| Loss = \d+\.\d+ \t\| Accuracy = [01](\.\d+)?", line)
    assert lines[5:7] == ["", next(line for line in lines if re.fullmatch(r"Accuracy on test set: [01](\.\d+)?", line))]


def os_threads() -> str:
    """How the number of threads reads that a command takes by itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{cores} thread{'s' * (cores > 1)}"


def test_the_tutorial_says_what_its_network_cannot_do_and_what_does_better(train: Train) -> None:
    story = train("--steps", 1).stdout
    assert "one affine map, so 275 parameters do the work of 93." in story  # 30*8+8 + 8*3+3, and 30*3+3
    assert "--recipe strong" in story
    for other in (("--recipe", "strong"), ("--activation", "relu")):
        assert "affine" not in train("--steps", 1, *other).stdout


def test_quiet_prints_the_accuracy_alone(train: Train) -> None:
    run = train("--steps", 3, "--quiet")
    assert run.stderr == ""
    assert re.fullmatch(r"Accuracy on test set: [01](\.\d+)?\n", run.stdout)


def test_json_is_one_line_with_the_fields_of_the_design(train: Train) -> None:
    result = result_of(train("--steps", 3, "--seed", 7, "--threads", 1, "--json"))
    assert " ".join(result) == FIELDS
    named = {name: result[name] for name in ("format", "recipe", "seed", "steps", "threads", "kernels", "saved")}
    assert named == {
        "format": 1, "recipe": "tutorial", "seed": 7, "steps": 3, "threads": 1, "kernels": "textbook", "saved": None
    }  # fmt: skip
    parts = [result[f"{name}_seconds"] for name in ("data", "compile", "train")]
    assert all(type(result[name]) is int for name in ("format", "seed", "steps", "threads"))
    assert min(parts) > 0
    assert sum(parts) < result["total_seconds"] < 60
    assert result["images_per_second"] == pytest.approx(3 * 16 / result["train_seconds"])
    assert (result["test_accuracy"] * 48).is_integer()
    assert 0 < result["test_loss"] < 10
    assert re.fullmatch("[0-9a-f]{64}", result["parameters_sha256"])


def test_json_says_what_code_and_what_data_it_was(train: Train, tiny_folder: Path) -> None:
    """The data's digest by hand: shape and bytes of each split's images, and of its labels; MNIST's order of files."""
    result = result_of(train("--steps", 1, "--json"))
    assert result["code"] == code_digest()
    digest = hashlib.sha256()
    found = numnet.load_folder(tiny_folder)
    for name, count in (("validation", 20), ("train", 220), ("test", 48)):
        split = getattr(found, name)
        digest.update(f"({count}, 6, 5)".encode() + split.images.tobytes())
        digest.update(f"({count},)".encode() + split.labels.tobytes())
    assert result["data_sha256"] == digest.hexdigest()
    assert result_of(train("--steps", 1, "--images", "all", "--json"))["data_sha256"] == digest.hexdigest()
    labels = tiny_folder / "t10k-labels-idx1-ubyte"
    content = labels.read_bytes()
    labels.write_bytes(content[:-1] + bytes([(content[-1] + 1) % 3]))  # of the test split, which trains nothing
    assert result_of(train("--steps", 1, "--json"))["data_sha256"] != digest.hexdigest()


def test_json_measures_the_work_and_the_network(train: Train, tiny_folder: Path) -> None:
    """30-8-3: an image takes 2 * (30*8 + 8*3) operations forward, as many for dw, and 2 * 8*3 for dx."""
    result = result_of(train("--steps", 3, "--seed", 7, "--json", "--save", "m.npz"))
    assert result["flops"] == 3 * 16 * (2 * 2 * (240 + 24) + 2 * 24)
    assert result["parameters"] == 275
    assert result["epochs"] == pytest.approx(3 * 16 / 220)
    assert result["test_errors"] == 48 - round(48 * result["test_accuracy"])
    network = numnet.load_model(tiny_folder.parent / "m.npz", kernels="textbook")
    validation = numnet.load_folder(tiny_folder).validation
    assert result["validation_accuracy"] == numnet.evaluate(network, validation).accuracy
    assert result_of(train("--steps", 3, "--images", "all", "--json"))["validation_accuracy"] is None


def test_json_counts_the_steps_before_a_run_was_resumed(train: Train) -> None:
    train("--steps", 6, "--stop-at", 2, "--save", "m.npz")
    whole, rest = (train("--steps", 6, "--json"), train("--resume", "m.npz", "--json", small=False))
    for name in ("epochs", "flops"):
        assert result_of(whole)[name] == result_of(rest)[name] > 0


def test_the_command_trains_the_very_network_that_python_trains(train: Train, tiny_folder: Path) -> None:
    flags = "--recipe intended --hidden 8,9,10 --activation tanh --dropout 0.25 --optimizer sgd --learning-rate 0.01"
    result = result_of(train(*flags.split(), "--steps", 3, "--seed", 7, "--json"))

    dataset = numnet.load_folder(tiny_folder)
    settings = {"activation": "tanh", "dropout": (0, 0, 0.25), "initializer": "truncated_normal", "bias": 0.1}
    network = numnet.Network.mlp((30, 8, 9, 10, 3), **settings, seed=7, kernels="textbook")
    numnet.fit(network, dataset.train, steps=3, batch_size=16, optimizer="sgd", learning_rate=0.01, seed=7)
    parameters = network.parameters.astype("<f4").tobytes()
    assert result["parameters_sha256"] == hashlib.sha256(parameters).hexdigest()
    right = (network.predict(dataset.test.images).argmax(axis=1) == dataset.test.labels).mean()
    assert result["test_accuracy"] == right


def test_one_drop_rate_takes_the_place_of_those_that_the_recipe_has(train: Train) -> None:
    for hidden, dropout in (("9,8,7", "0,0,0.25"), ("9,8", "0,0.25"), ("8", "0.25"), ("9,9,8,7", "0,0,0,0.25")):
        story = train("--recipe", "intended", "--hidden", hidden, "--dropout", 0.25, "--dry-run").stdout
        assert f", dropout {dropout}, " in story


def test_epochs_are_counted_in_batches_the_last_one_whole(train: Train) -> None:
    assert result_of(train("--epochs", 2, "--json"))["steps"] == math.ceil(2 * 220 / 16)


def test_a_few_dozen_steps_tell_three_easy_classes_apart(train: Train) -> None:
    run = train("--recipe", "strong", "--learning-rate", 0.01, "--epochs", 10, "--json")
    assert result_of(run)["test_accuracy"] > 0.95


def test_a_dry_run_takes_one_step_and_leaves_nothing_behind(train: Train, tmp_path: Path) -> None:
    result = result_of(train("--dry-run", "--epochs", 5, "--json"))
    assert (result["steps"], result["saved"]) == (1, None)
    assert os.listdir(tmp_path) == ["tiny"]


def test_a_missed_target_exits_1_and_a_met_one_0(train: Train) -> None:
    missed = train("--steps", 1, "--require-accuracy", 1)
    assert missed.returncode == 1
    assert "Accuracy on test set: " in missed.stdout
    assert re.fullmatch(r"numnet: test accuracy 0\.\d{4} is below the required 1\.0\n", missed.stderr)
    assert train("--steps", 1, "--require-accuracy", 0).returncode == 0


def test_more_threads_than_cores_are_capped_with_a_word(train: Train) -> None:
    run = train("--steps", 1, "--threads", 9999)
    assert (run.returncode, run.stderr) == (0, "")
    cores = os_threads().split()[0]
    assert f"--threads 9999: using {cores}, as many as there are cores\n" in run.stdout
    assert f"; kernels textbook, {os_threads()}\n" in run.stdout


@pytest.mark.slow
def test_a_limit_on_numbas_threads_is_kept_to(numnet_command: Command, tiny_folder: Path) -> None:
    program = "import os, sys; os.environ['NUMBA_NUM_THREADS'] = '1'; from numnet.train import main; main(sys.argv[1:])"
    run = numnet_command("-c", program, "--data", tiny_folder, "--hidden", 8, "--dry-run", "--threads", 2, "--json")
    assert result_of(run)["threads"] == 1


def test_one_seed_makes_one_network_and_another_seed_another(train: Train) -> None:
    runs = (train("--recipe", "intended", "--steps", 3, "--seed", seed, "--json") for seed in (0, 0, 1))
    one, again, other = (result_of(run)["parameters_sha256"] for run in runs)
    assert one == again != other


@pytest.mark.slow
def test_compiled_kernels_make_the_same_bits_at_every_thread_count(train: Train) -> None:
    # Wide enough that the products' rows, the masks and the parameters are all dealt out in several parts.
    flags = ("--recipe", "intended", "--hidden", "600,40", "--dropout", "0.3,0.5", "--steps", 8, "--json")
    runs = [result_of(train(*flags, "--threads", threads, small=False)) for threads in (1, 2, 2)]
    assert len({run["parameters_sha256"] for run in runs}) == 1
    assert runs[0]["kernels"] == "numba"


@pytest.mark.slow
def test_compiling_has_a_line_of_its_own(train: Train) -> None:
    lines = train("--steps", 1, small=False).stdout.splitlines()
    assert re.fullmatch(r"Compiling… \d+\.\d\d s", lines[2])
    assert lines[3].startswith("Iteration 0 ")


@pytest.mark.slow
def test_alone_it_trains_the_tutorials_network_on_the_bundled_mnist(numnet_command: Command) -> None:
    result = result_of(numnet_command("-m", "numnet.train", "--steps", 30, "--json"))
    assert (result["recipe"], result["kernels"]) == ("tutorial", "numba")
    assert result["test_accuracy"] > 0.3  # by chance it would be 0.1


# What is refused


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--hidden 0", "hidden widths (0,)"),
        ("--hidden 8,-1", "hidden widths (8, -1)"),
        ("--hidden wide", "'wide'"),
        ("--recipe intended --dropout 1", "a drop rate of 1"),
        ("--recipe intended --dropout -0.1", "a drop rate of -0.1"),
        ("--recipe intended --dropout nan", "a drop rate of nan"),
        ("--recipe intended --dropout 0,0,1", "a drop rate of 1"),
        ("--dropout 1", "dropout"),
        ("--recipe strong --dropout 0.1,0.1", "2 drop rates for 3 hidden layers"),
        ("--dropout some", "'some'"),
        ("--learning-rate nan", "a learning rate of nan"),
        ("--learning-rate 0", "a learning rate of 0"),
        ("--learning-rate -1", "a learning rate of -1"),
        ("--learning-rate inf", "a learning rate of inf"),
        ("--batch-size 0", "a batch size of 0"),
        ("--batch-size 1.5", "'1.5'"),
        ("--recipe stron", "unknown recipe 'stron': did you mean strong?"),
        ("--recipe xyzzy", "expected one of tutorial, intended, strong"),
        ("--steps 5 --epochs 1", "not allowed with"),
        ("--steps 0", "0 steps"),
        ("--steps -3", "-3 steps"),
        ("--epochs 0", "0.0 epochs"),
        ("--epochs nan", "nan epochs"),
        ("--seed -1", "seed -1: expected 0 to 2**64 - 1"),
        ("--seed 18446744073709551616", "seed 18446744073709551616"),
        ("--threads 0", "0 threads"),
        ("--log-every -1", "--log-every -1"),
        ("--require-accuracy 90", "--require-accuracy 90"),
        ("--require-accuracy nan", "--require-accuracy nan"),
        ("--activation rely", "unknown activation 'rely': expected one of linear, relu, tanh, sigmoid"),
        ("--optimizer adm", "unknown optimizer 'adm'"),
        ("--kernels nunba", "unknown kernels 'nunba': expected one of numba, textbook"),
        ("--stesp 5", "--stesp"),
        ("--step 5", "--step"),
        ("five", "five"),
    ],
)  # fmt: skip
def test_a_flag_that_makes_no_sense_is_refused_before_anything_is_loaded(
    numnet_command: Command, flags: str, words: str
) -> None:
    refused(numnet_command("-m", "numnet.train", "--data", "nowhere", *flags.split()), words)  # nobody looked there


def test_data_that_cannot_be_read_is_refused_on_one_line(train: Train, tiny_folder: Path) -> None:
    refused(train("--data", "nowhere"), "nowhere: No such file or directory; expected a folder that holds train-images")
    refused(train("--data", "no\nwhere"), "no where: ")
    path = tiny_folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    refused(train("--json"), f"{path}: ", "cut short", "download it again")
    path.write_text("<html>Not Found</html>")
    refused(train(), f"{path}: ", "HTML")
    path.unlink()
    refused(train(), f"{tiny_folder}: no t10k-images-idx3-ubyte", "found t10k-labels-idx1-ubyte, train-images")


@pytest.mark.parametrize("kernels", ["textbook", pytest.param("numba", marks=pytest.mark.slow)])
def test_a_loss_that_runs_away_stops_the_run_at_that_step_and_names_the_tensor(train: Train, kernels: str) -> None:
    run = train("--learning-rate", 1e30, "--steps", 5, "--kernels", kernels, "--log-every", 0)
    assert run.returncode == 2
    assert re.fullmatch(
        r"numnet: step 1: the loss is (nan|inf); the first tensor that is not finite is "
        r"the output of layer 1, Dense\(8, 3\); most often the learning rate is too high: try a tenth of it\n",
        run.stderr,
    )
    assert "test set" not in run.stdout


def test_a_last_update_that_runs_away_is_no_result(train: Train) -> None:
    refused(train("--learning-rate", 1e30, "--steps", 1, "--json"), "the loss on 48 images is nan")


def test_a_network_that_no_memory_holds_is_refused_on_one_line(train: Train) -> None:
    refused(train("--hidden", "1000000,1000000", "--quiet"), "not enough memory")


# What is interrupted


@contextmanager
def training(
    folder: Path, environment: dict[str, str], *flags: str, until: str = "Iteration 0 "
) -> Iterator["subprocess.Popen[str]"]:
    """A run without end, at its first step or where it prints a line that begins with `until`."""
    line = [sys.executable, "-m", "numnet.train", "--data", str(folder), *SMALL, *ENDLESS, *flags]
    pipe = subprocess.PIPE
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child of a shell's `&` would ignore it
    with subprocess.Popen(line, env=environment, stdout=pipe, stderr=pipe, text=True) as run:
        signal.signal(signal.SIGINT, before)
        try:
            assert run.stdout is not None
            while not run.stdout.readline().startswith(until):
                assert run.poll() is None
            yield run
        finally:
            run.kill()


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_an_interrupted_run_says_so_and_no_more(
    tiny_folder: Path, environment: dict[str, str], number: signal.Signals, code: int, word: str
) -> None:
    with training(tiny_folder, environment) as run:
        run.send_signal(number)
        story, errors = run.communicate(timeout=30)
    assert (run.returncode, errors) == (code, f"numnet: {word}\n")
    assert "test set" not in story


def test_an_interruption_that_a_library_would_swallow_ends_the_process_on_the_spot(numnet_command: Command) -> None:
    """Python ignores what a destructor raises, and a compiler's callbacks do the same."""
    program = """if True:
        import os, signal, sys
        from numnet.console import interrupted_at_once
        class Swallowing:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with interrupted_at_once():
            pass
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            print("outside it is an exception", flush=True)
        with interrupted_at_once():
            Swallowing()
        print("the run went on")
    """
    run = numnet_command("-c", program)
    assert (run.returncode, run.stdout, run.stderr) == (130, "outside it is an exception\n", "numnet: interrupted\n")


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_an_interrupted_compilation_says_so_and_no_more(
    tiny_folder: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    anew = environment | {"NUMNET_CACHE": str(tmp_path)}
    with training(tiny_folder, anew, "--kernels", "numba", until="tiny: ") as run:
        time.sleep(2)  # amid the compilation of some kernel; a cold start takes several times as long
        run.send_signal(signal.SIGINT)
        story, errors = run.communicate(timeout=30)
    assert (run.returncode, story, errors) == (130, "", "numnet: interrupted\n")


def test_a_reader_that_has_read_enough_ends_the_run_quietly(tiny_folder: Path, environment: dict[str, str]) -> None:
    with training(tiny_folder, environment) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert (run.wait(timeout=30), run.stderr.read()) == (0, "")


@pytest.mark.parametrize(
    "line", ["-m numnet", "-m numnet.train --help", "-m numnet.train --dry-run --kernels textbook"]
)
def test_a_reader_that_is_gone_already_is_no_trouble(numnet_command: Command, tiny_folder: Path, line: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    run = numnet_command(*line.split(), *(("--data", tiny_folder) if "--dry-run" in line else ()), stdout=writer)
    os.close(writer)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_behind_the_output_is_one_line(numnet_command: Command, tiny_folder: Path) -> None:
    with open("/dev/full", "w") as full:
        run = numnet_command("-m", "numnet.train", "--data", tiny_folder, *SMALL, "--dry-run", stdout=full)
    assert (run.returncode, run.stderr) == (2, "numnet: [Errno 28] No space left on device\n")


# The ways in


@pytest.mark.parametrize(
    "line",
    [
        ("numnet.train", "--help"),
        ("numnet.evaluate", "--help"),
        ("numnet.sweep", "--help"),
        ("numnet.explain", "--help"),
        ("numnet", "train", "--help"),
        ("numnet", "--help"),
    ],
)
def test_help_loads_nothing_heavy(numnet_command: Command, line: tuple[str, ...]) -> None:
    run = numnet_command("-X", "importtime", "-m", *line)
    assert run.returncode == 0
    loaded = {entry.rpartition("|")[2].strip().partition(".")[0] for entry in run.stderr.splitlines()}
    assert "argparse" in loaded  # so the listing is one
    assert not loaded & {"numba", "llvmlite", "PIL", "numpy", "tqdm"}


def test_help_lists_every_recipe_and_every_flag_of_the_design(numnet_command: Command) -> None:
    text = numnet_command("-m", "numnet.train", "--help").stdout
    flags = (
        "--recipe --data --steps --epochs --batch-size --learning-rate --hidden --activation --dropout --optimizer "
        "--seed --threads --kernels --log-every --dry-run --require-accuracy --json --quiet"
    )
    for word in (*flags.split(), "tutorial", "intended", "strong"):
        assert re.search(rf"{word}\b", text)


def test_every_way_in_leads_to_the_same_run(numnet_command: Command, train: Train, tiny_folder: Path) -> None:
    flags = ["--data", str(tiny_folder), *SMALL, "--dry-run", "--json"]
    script = shutil.which("numnet", path=sysconfig.get_path("scripts"))
    assert script is not None
    runs = (
        train("--dry-run", "--json"),
        numnet_command("-m", "numnet", "train", *flags),
        subprocess.run([script, "train", *flags], capture_output=True, text=True, timeout=60, check=False),
    )
    assert len({result_of(run)["parameters_sha256"] for run in runs}) == 1


def test_the_front_door_lists_its_verbs_and_refuses_others(numnet_command: Command) -> None:
    for flags in ((), ("-h",), ("--help",)):
        listing = numnet_command("-m", "numnet", *flags)
        assert listing.returncode == 0
        assert re.search(r"^  train +train a network$", listing.stdout, re.MULTILINE)
    assert numnet_command("-m", "numnet", "--version").stdout == f"numnet {numnet.__version__}\n"
    refused(numnet_command("-m", "numnet", "trian"), "unknown verb 'trian'", "train")
    refused(numnet_command("-m", "numnet", "train", "--steps", "0"), "0 steps")
