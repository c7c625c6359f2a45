"""Compares our messages with decoders that share no code with ours.

mip-vectors writes a capture of our own messages and what each is meant to say. tshark decodes what its dissector
knows, scapy the fixed parts and the tunnel header, and `rfc_decoder` (written from the RFCs' figures) everything.
tshark reads type 154 with a short header and loses all that follows, so messages with one are left to rfc_decoder.
"""

import hashlib
import hmac
import json
import os
import subprocess

import pytest

from rfc_decoder import decode

KEY = bytes(range(16))
DIGESTS = {256: hashlib.md5, 257: hashlib.sha256}


@pytest.fixture(scope="session")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mip")
    pcap, description = folder / "mip.pcap", folder / "mip.json"
    subprocess.run([*os.environ["MIP_VECTORS"].split(), pcap, description], check=True)
    packets = json.loads(description.read_text())
    assert len(packets) > 100
    return pcap, packets


def tshark(pcap, fields):
    """One dict per packet: field name -> list of texts."""
    command = ["tshark", "-r", str(pcap), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=;"]
    for field in fields:
        command += ["-e", field]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [dict(zip(fields, ([v for v in cell.split(";") if v] for cell in line.split("\t")))) for line in lines]


def rows_of(capture, kinds):
    return [(number, packet) for number, packet in enumerate(capture[1]) if packet["type"] in kinds]


def is_readable_by_tshark(packet):
    return not packet.get("multipath") and not packet.get("flow_bindings")


def test_tshark_reads_the_fixed_parts(capture):
    fields = ["mip.type", "mip.flags", "mip.code", "mip.life", "mip.homeaddr", "mip.haaddr", "mip.coa"]
    decoded = tshark(capture[0], fields)
    for number, packet in rows_of(capture, (1, 3)):
        seen = decoded[number]
        assert int(seen["mip.type"][0]) == packet["type"]
        assert int(seen["mip.life"][0]) == packet["lifetime"]
        assert seen["mip.homeaddr"] == [packet["home_address"]]
        assert seen["mip.haaddr"] == [packet["home_agent"]]
        if packet["type"] == 1:
            assert int(seen["mip.flags"][0], 0) == packet["flags"]
            assert seen["mip.coa"] == [packet["care_of"]]
        else:
            assert int(seen["mip.code"][0]) == packet["code"]


def test_tshark_reads_the_extensions(capture):
    request = ["mip.ext.utrq.f", "mip.ext.utrq.r", "mip.ext.utrq.encaptype"]
    reply = ["mip.ext.utrp.code", "mip.ext.utrp.f", "mip.ext.utrp.keepalive"]
    other = ["mip.auth.spi", "mip.auth.auth", "mip.ext.type", "mip.ext.rev.i", "mip.ext.rev.tstamp", "_ws.malformed"]
    decoded = tshark(capture[0], request + reply + other)
    compared = 0
    for number, packet in rows_of(capture, (1, 3)):
        if not is_readable_by_tshark(packet):
            continue
        seen = decoded[number]
        compared += 1
        assert not seen["_ws.malformed"], number
        assert [int(spi, 0) for spi in seen["mip.auth.spi"]] == [packet["spi"]]
        assert seen["mip.auth.auth"][0].replace(":", "") == packet["payload"][-2 * DIGESTS[packet["spi"]]().digest_size:]
        types = [int(t) for t in seen["mip.ext.type"]]
        expected = [131] * (packet["nai"] is not None)
        expected += [144 if packet["type"] == 1 else 44] * (packet["udp_tunnel"] is not None)
        expected += [137] * (packet["revocation"] is not None) + [134] * len(packet["vendor"]) + [32]
        assert types == expected
        tunnel = packet["udp_tunnel"]
        if tunnel and packet["type"] == 1:
            assert int(seen["mip.ext.utrq.f"][0]) == tunnel["forced"]
            assert int(seen["mip.ext.utrq.r"][0]) == tunnel["through_foreign_agent"]
            assert int(seen["mip.ext.utrq.encaptype"][0]) == tunnel["encapsulation"]
        if tunnel and packet["type"] == 3:
            assert int(seen["mip.ext.utrp.code"][0]) == tunnel["code"]
            assert int(seen["mip.ext.utrp.f"][0]) == tunnel["forced"]
            assert int(seen["mip.ext.utrp.keepalive"][0]) == tunnel["keepalive"]
        if packet["revocation"]:
            assert int(seen["mip.ext.rev.i"][0]) == packet["revocation"]["inform"]
    assert compared > 60


def test_tshark_reads_keepalives(capture):
    fields = ["mip.nattt.nexthdr", "ip.src", "ip.dst", "ip.id", "icmp.type", "icmp.ident",
              "icmp.seq", "icmp.checksum.status", "data.data"]
    decoded = tshark(capture[0], fields)
    rows = rows_of(capture, (4,))
    assert rows
    for number, packet in rows:
        seen = decoded[number]
        assert [int(n, 0) for n in seen["mip.nattt.nexthdr"]] == [4]
        assert seen["ip.src"][-1] == packet["source"]
        assert seen["ip.dst"][-1] == packet["destination"]
        assert int(seen["ip.id"][-1], 0) == packet["packet_id"]
        assert int(seen["icmp.type"][0]) == 8
        assert packet["identifier"] in [int(i, 0) for i in seen["icmp.ident"]]
        assert packet["sequence"] in [int(s, 0) for s in seen["icmp.seq"]]
        assert seen["icmp.checksum.status"] == ["1"]
        assert int(seen["data.data"][0].replace(":", ""), 16) == int(packet["nonce"])


def test_scapy_reads_fixed_parts_and_tunnel_header(capture):
    from scapy.layers.inet import IP
    from scapy.layers.mobileip import MobileIP, MobileIPRRP, MobileIPRRQ, MobileIPTunnelData
    from scapy.utils import rdpcap

    for frame, packet in zip(rdpcap(str(capture[0])), capture[1]):
        assert frame[MobileIP].type == packet["type"]
        if packet["type"] == 4:
            tunnel = frame[MobileIPTunnelData]
            assert (tunnel.nexthdr, tunnel.res) == (4, 0)
            assert tunnel.payload.__class__ is IP and tunnel[IP].src == packet["source"]
            continue
        message = frame[MobileIPRRQ if packet["type"] == 1 else MobileIPRRP]
        assert (message.lifetime, message.homeaddr, message.haaddr, message.id) == (
            packet["lifetime"], packet["home_address"], packet["home_agent"], int(packet["identification"]))
        if packet["type"] == 1:
            assert (int(message.flags), message.coaddr) == (packet["flags"], packet["care_of"])
        else:
            assert message.code == packet["code"]


def test_independent_decoder_reads_everything(capture):
    for number, packet in rows_of(capture, (1, 3)):
        payload = bytes.fromhex(packet["payload"])
        decoded = decode(payload)
        covered, mac = decoded.pop("covered"), decoded.pop("authenticator")
        assert hmac.digest(KEY, payload[:covered], DIGESTS[packet["spi"]]) == mac, number
        assert decoded == {key: value for key, value in packet.items() if key != "payload"}, number
