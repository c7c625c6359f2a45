"""A client of the daemons' admin API (docs/admin-api.md)."""

import http.client
import json
import socket


class ApiError(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text}")
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Admin:
    def __init__(self, path):
        self.path = path

    def get(self, request, timeout=5):
        return self._ask("GET", request, None, timeout)

    def post(self, request, body=None, timeout=30):
        return self._ask("POST", request, body, timeout)

    def status(self):
        """The status, or None while the daemon does not answer."""
        try:
            return self.get("/v1/status")
        except (OSError, http.client.HTTPException):
            return None

    def uplinks(self):
        return {uplink["name"]: uplink for uplink in self.get("/v1/uplinks")["uplinks"]}

    def drops(self):
        return self.get("/v1/drops")["drops"]

    def counters(self):
        return self.get("/v1/stats")["counters"]

    def _ask(self, method, request, body, timeout):
        connection = _UnixConnection(self.path, timeout)
        try:
            connection.request(method, request, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status >= 400:
                raise ApiError(answer.status, text)
            return json.loads(text) if text else {}
        finally:
            connection.close()
