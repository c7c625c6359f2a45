"""What a person sees while the demo runs: one line per step, a moving last line on a terminal."""

import sys
import time


class Progress:
    def __init__(self):
        self._start = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._moving = False

    def step(self, text):
        self._end_moving()
        print(f"[{time.monotonic() - self._start:6.1f} s] {text}", flush=True)

    def update(self, text):
        """Replaces the last line; left out where lines cannot be replaced."""
        if self._terminal:
            sys.stdout.write(f"\r\033[K           {text}")
            sys.stdout.flush()
            self._moving = True

    def detail(self, text):
        self._end_moving()
        print(f"           {text}", flush=True)

    def _end_moving(self):
        if self._moving:
            sys.stdout.write("\r\033[K")
            self._moving = False

    def seconds(self):
        return time.monotonic() - self._start
