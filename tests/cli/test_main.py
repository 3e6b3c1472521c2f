"""The frame of the command line: help, exit codes, and streams that are closed, full or gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from medclip.version import __version__

TRAINING = ("fit", "validate", "test", "predict")
EVALUATION = ("evaluate", "baselines")
COMMANDS = ("demo", "zeroshot", "map", *EVALUATION, *TRAINING, "data", "reports", "knowledge", "prompts", "bundle")
ACTIONS = ("list", "labels", "info", "download", "pack", "verify", "reports")


def test_help_names_every_command(run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines() if line.startswith("  ")} == set(COMMANDS)
    assert "Not a medical device" in out
    assert run()[:2] == (0, out)


@pytest.mark.parametrize("command", [*COMMANDS, *(f"data {action}" for action in ACTIONS)])
def test_every_command_explains_itself_and_fits_a_terminal(command, run) -> None:
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: medclip {command} ")
    assert max(map(len, out.splitlines())) <= 110


def test_version(run) -> None:
    assert run("--version") == (0, f"medclip {__version__}\n", "")


def test_a_real_process_fails_in_one_line(start) -> None:
    done = start("zeroshot", "none.hea", "--model", "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "medclip: none is no bundle: received no such folder; allowed: a folder that medclip fit saved. "
        "Check the path.\n"
    )


# With a buffer the output fails when it is flushed, without one when it is printed.
BUFFERS = pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])


@BUFFERS
@pytest.mark.parametrize("arguments", [("--help",), ("data", "labels"), ("data", "--help")])
def test_a_reader_that_leaves_early_is_no_fault(arguments, unbuffered, start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        streams = {"capture_output": False, "stdout": writing, "stderr": subprocess.PIPE}
        done = start(*arguments, env={"PYTHONUNBUFFERED": unbuffered}, **streams)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_head_of_an_answer(start, smoke_bundle) -> None:
    program = f"{sys.executable} -m medclip.cli.__main__ bundle inspect {smoke_bundle} --json | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", program],
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


@BUFFERS
@pytest.mark.parametrize("arguments", [("--version",), ("bundle", "inspect", "BUNDLE", "--json")])
def test_a_full_disk_behind_the_output(arguments, unbuffered, start, smoke_bundle) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    given = [smoke_bundle if argument == "BUNDLE" else argument for argument in arguments]
    with open("/dev/full", "w") as full:
        streams = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
        done = start(*given, env={"PYTHONUNBUFFERED": unbuffered}, **streams)
    assert (done.returncode, done.stderr) == (2, "medclip: the disk is full. Free some space, then run again.\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("arguments", "code"), [("data list", 0), ("data info none", 2)])
def test_closed_streams(closed, arguments, code) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m medclip.cli.__main__ {arguments} {closed}"],
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    if "2>&-" not in closed:
        assert len(done.stderr.splitlines()) == (code == 2)
    if code == 2:
        assert done.stdout == ""


def test_a_terminal_without_the_letters_gets_an_answer(start, tmp_path, smoke_bundle, recording) -> None:
    folder = tmp_path / "åäö"
    folder.mkdir()
    for part in (recording, recording.with_suffix(".dat")):
        (folder / part.name).write_bytes(part.read_bytes())
    options = ("--model", smoke_bundle, "--labels", "ptbxl-superclass")
    done = start("zeroshot", folder / recording.name, *options, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xe5\\xe4\\xf6/patient.hea" in done.stdout


@pytest.mark.slow
def test_an_interrupt_ends_with_130(tmp_path) -> None:
    # The first thing that pack does after a while of work is to be interrupted.
    command = [sys.executable, "-m", "medclip.cli.__main__", "data", "pack", "simulated", "--out", str(tmp_path / "s")]
    command += ["--option", "n_patients=5000"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "medclip: interrupted"
    assert "Traceback" not in err
