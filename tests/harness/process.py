"""Processes under supervision: started in a namespace, waited for until ready, stopped and explained on failure."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WAIT_FOR_ANY_THREAD = 17, 0x4206, 0x4207, 0x40000000
# By how much every bound is stretched: on an emulated processor all takes longer.
PATIENCE = float(os.environ.get("HOMEWARD_PATIENCE", "1"))
_libc = ctypes.CDLL(None, use_errno=True)


class HarnessError(Exception):
    """What the harness could not do; the text says which command or condition."""


class Timeout(HarnessError):
    """A condition that did not come true in its bounded wait."""


def wait_until(condition, what, timeout=30.0, interval=0.02):
    """Polls `condition` until it is true and returns its value; Timeout names `what` after `timeout` seconds.

    The bound only ends a wait that would never end; no test asserts that something was fast."""
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Timeout(f"waited {timeout:g} s in vain: {what}")
        time.sleep(interval)


def run(command, check=True, timeout=30, stdin=None):
    """Runs a command to its end and returns the CompletedProcess with text output."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True,
                          timeout=timeout * PATIENCE, check=False, start_new_session=True)
    if check and done.returncode != 0:
        raise HarnessError(f"{' '.join(map(str, command))}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done


def _ptrace(request, thread):
    arguments = [ctypes.c_long(request), ctypes.c_long(thread), ctypes.c_void_p(0), ctypes.c_void_p(0)]
    if _libc.ptrace(*arguments) != 0:
        raise HarnessError(f"ptrace {request:#x} of thread {thread}: {os.strerror(ctypes.get_errno())}")


@contextlib.contextmanager
def stopped_thread(thread):
    """That one thread of a process does not run, as if it got no CPU; the others of the process do."""
    _ptrace(PTRACE_SEIZE, thread)
    try:
        _ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WAIT_FOR_ANY_THREAD)
        yield
    finally:
        _ptrace(PTRACE_DETACH, thread)


def _before_exec():
    # A harness that dies by kill -9 must not leave daemons behind. Ctrl-C reaches the harness alone: it decides
    # the order in which things end.
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """One supervised child. Output goes to `<logs>/<name>.log`.

    Start it from the main thread: the death signal of a child follows the thread that made it."""

    def __init__(self, name, command, logs, namespace=None, env=None, cwd=None, stdin=None, stdout=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = pathlib.Path(logs) / f"{name}.log"
        self._stopping = False
        full = (["ip", "netns", "exec", namespace] if namespace else []) + self.command
        with open(self.log, "ab") as log:
            self._begin = log.tell()  # a predecessor of the same name may have written before
            self._child = subprocess.Popen(full, stdin=stdin or subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                                           env={**os.environ, **(env or {})}, cwd=cwd, preexec_fn=_before_exec)

    @property
    def pid(self):
        return self._child.pid

    @property
    def returncode(self):
        return self._child.poll()

    def running(self):
        return self._child.poll() is None

    def text(self):
        """Everything it has printed so far."""
        with open(self.log, "rb") as log:
            log.seek(self._begin)
            return log.read().decode(errors="replace")

    def tail(self, lines=40):
        return "\n".join(self.text().splitlines()[-lines:])

    def wait_ready(self, condition, what, timeout=15.0):
        """Waits for `condition`; an early death of the process ends the wait with its last words."""

        def alive_and_ready():
            if not self.running():
                raise HarnessError(f"{self.name} ended with {self.returncode} before {what}:\n{self.tail()}")
            return condition()

        try:
            return wait_until(alive_and_ready, f"{self.name}: {what}", timeout)
        except Timeout as error:
            raise Timeout(f"{error}\n{self.tail()}") from None

    def wait_for_output(self, text, timeout=15.0):
        self.wait_ready(lambda: text in self.text(), f"printing '{text}'", timeout)

    def wait(self, timeout=30.0):
        """Waits for the end and returns the exit code."""
        try:
            return self._child.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.name} still runs after {timeout:g} s:\n{self.tail()}") from None

    def send(self, number):
        if self.running():
            self._child.send_signal(number)

    def kill(self):
        """kill -9 and reap: a crash as the others see it."""
        self.send(signal.SIGKILL)
        self._child.wait(10)

    def stop(self, number=signal.SIGTERM, timeout=10.0):
        """Ends it in good order and returns its exit code; kills what does not end in time."""
        self.send(number)
        try:
            return self._child.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._child.returncode
