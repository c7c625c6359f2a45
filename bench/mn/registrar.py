"""Accepts what a node asks for: a home agent's answers without a home agent, from RFC 5944 and 3519, so that the far end
of the tunnel may be the kernel's own."""

import struct
import threading

from harness import mip

ACCEPTED, REPLY, DECLINED = 0, 3, 64
TUNNEL_ACCEPTED = mip.short(44, struct.pack("!BBHH", 0, 0, 0x8000, 0))
TUNNEL_DECLINED = mip.short(44, struct.pack("!BBHH", 0, DECLINED, 0, 0))


class Registrar:
    """Answers on UDP 434 of `address` in a namespace until closed. `plain`: declines UDP, so that the tunnel is IP in IP."""

    def __init__(self, namespace, address, key, plain=False):
        self.key, self.tunnel = key, TUNNEL_DECLINED if plain else TUNNEL_ACCEPTED
        self.socket = mip.socket_in(namespace, address, mip.PORT)
        self.socket.settimeout(0.2)
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.closed.set()
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while not self.closed.is_set():
            try:
                request, sender = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            if len(request) >= 24 and request[0] == 1:
                self.socket.sendto(self.answer(request), sender)

    def answer(self, request):
        lifetime, home, agent, identification = request[2:4], request[4:8], request[8:12], request[16:24]
        reply = struct.pack("!BB", REPLY, ACCEPTED) + lifetime + home + agent + identification + self.tunnel
        return mip.sign(reply, self.key, 256, "sha256")
