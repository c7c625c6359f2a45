"""The node as one file for arm64: what it is, read from the file, and that it runs where there is nothing else."""

import os
import pathlib
import shutil
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["HOMEWARD_BUILD"])
RUNNER = os.environ["RUNNER"].split()
SAMPLES = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = [BUILD / "mn-agent/daemon/homeward-mn", BUILD / "control/cli/homeward"]
LARGEST_PAGE = 16384  # Android 15 on some devices


def readelf(program, *options):
    return subprocess.run(["readelf", "-W", *options, program], capture_output=True, text=True, check=True).stdout


def run(*words):
    return subprocess.run([*RUNNER, *words], capture_output=True, text=True, check=False, timeout=60)


def each_program(test):
    return pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)(test)


@each_program
def test_it_is_position_independent_for_arm64(program):
    header = readelf(program, "-h")
    assert "AArch64" in header and "DYN (" in header


@each_program
def test_it_loads_nothing(program):
    assert "INTERP" not in readelf(program, "-l")
    assert "NEEDED" not in readelf(program, "-d")


@each_program
def test_its_segments_suit_large_pages(program):
    loads = [line.split() for line in readelf(program, "-l").splitlines() if line.split()[:1] == ["LOAD"]]
    assert loads and all(int(words[-1], 16) >= LARGEST_PAGE for words in loads)


@each_program
def test_no_resolver_is_in_it(program):
    names = {line.split()[-1] for line in readelf(program, "-s").splitlines() if len(line.split()) == 8}
    assert "main" in names, "the premise: symbols are there to be read"
    assert not names & {"getaddrinfo", "gethostbyname", "getnameinfo", "__nss_lookup"}


@each_program
def test_it_says_its_version(program):
    done = run(program, "--version")
    assert done.returncode == 0 and done.stdout.strip()


@pytest.mark.parametrize("sample", ["configs/mn.yaml", "packaging/android/mn.yaml"])
def test_the_agent_reads_the_sample(sample, tmp_path):
    folder = tmp_path / "sample"
    shutil.copytree((SAMPLES / sample).parent, folder)
    key = shutil.copy(SAMPLES / "configs/phone.key", folder)
    os.chmod(key, 0o600)
    done = run(PROGRAMS[0], "--check", "--config", folder / "mn.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_agent_refuses_a_name_for_the_home_agent(tmp_path):
    """There is no resolver; it says so before anything is changed."""
    text = (SAMPLES / "configs/mn.yaml").read_text().replace("home_agent: 192.147.23.11", "home_agent: ha.example.org")
    (tmp_path / "mn.yaml").write_text(text)
    done = run(PROGRAMS[0], "--check", "--config", tmp_path / "mn.yaml")
    assert done.returncode == 1
    assert "home_agent" in done.stderr and len(done.stderr.splitlines()) == 1
