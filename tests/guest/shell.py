#!/usr/bin/python3
"""Inside the guest: runs what the test outside asks for, one line of JSON at a time.

{"run": COMMAND, "timeout": S} is answered with {"status", "output", "error"} when it has ended;
{"start": COMMAND} with {"pid"}: a daemon of its own session, whose output goes to the serial console;
{"write": PATH, "text": TEXT, "mode": MODE} with {}.
"""

import json
import os
import pathlib
import subprocess
import sys

CONSOLE = "/dev/ttyS0"


def run(request):
    try:
        done = subprocess.run(request["run"], shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=request["timeout"], check=False)
    except subprocess.TimeoutExpired as late:
        return {"status": 124, "output": str(late.stdout or ""), "error": f"still running after {request['timeout']} s"}
    return {"status": done.returncode, "output": done.stdout, "error": done.stderr}


def start(request):
    # Nobody here waits for it: in the background of a shell that ends at once it is process 1's child.
    line = f"setsid {request['start']} </dev/null >{CONSOLE} 2>&1 & echo $!"
    return {"pid": int(subprocess.run(line, shell=True, stdout=subprocess.PIPE, check=True).stdout)}


def write(request):
    path = pathlib.Path(request["write"])
    path.touch(mode=request["mode"])
    path.write_text(request["text"])
    return {}


def main():
    port = os.open(sys.argv[1], os.O_RDWR)
    with open(port, "r", closefd=False) as requests:
        for line in requests:
            request = json.loads(line)
            kind = next(kind for kind in (run, start, write) if kind.__name__ in request)
            answer = json.dumps(kind(request)).encode() + b"\n"
            while answer:
                answer = answer[os.write(port, answer):]


if __name__ == "__main__":
    main()
