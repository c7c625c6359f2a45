"""A second decoder of registration messages, from the figures of RFC 5944, 3519, 7629, 6088, 3543 and 3115.

It is strict about everything our sender must keep: no padding, no unknown extension, extensions in order, exactly
one authentication, at the end. Shares nothing with control/mip.
"""

import ipaddress
import struct

FIELDS = [("source", 4), ("destination", 4), ("spi", 4), ("source_port", 2), ("destination_port", 2), ("dscp", 1),
          ("protocol", 1)]
LONG = (154,)
ORDER = [131, 144, 44, 137, (154, 1), (154, 2), 134, 32]


def address(data):
    return str(ipaddress.IPv4Address(data))


def selector(data):
    flags, = struct.unpack_from("!I", data)
    assert flags & 0x3FFFF == 0
    at, result = 4, {}
    for index, (name, size) in enumerate(FIELDS):
        has_start = flags >> (31 - 2 * index) & 1
        has_end = flags >> (30 - 2 * index) & 1
        assert has_start or not has_end
        ends = []
        for _ in range(has_start + has_end):
            ends.append(int.from_bytes(data[at:at + size], "big"))
            at += size
        if name == "dscp":
            ends = [end >> 2 for end in ends]
        result[name] = [ends[0], ends[-1]] if ends else None
    assert at == len(data)
    return result


def flow_binding(data):
    action, count = data[0], data[1]
    ids = list(data[2:2 + count])
    assert len(ids) == count and data[2 + count] == 1
    if action == 0:
        assert count == 1
        ids = []
    return {"action": action, "binding_ids": ids, "selector": selector(data[3 + count:])}


def multipath(data):
    technology, label, binding_id, flags = data
    assert flags & 0x3F == 0
    return {"technology": technology, "label": label, "binding_id": binding_id, "bulk": bool(flags & 0x80),
            "overwrite": bool(flags & 0x40)}


def tunnel_request(data):
    subtype, reserved1, flags, encapsulation, reserved3 = struct.unpack("!BBBBH", data)
    assert (subtype, reserved1, flags & 0x3F, reserved3) == (0, 0, 0, 0)
    return {"forced": bool(flags & 0x80), "through_foreign_agent": bool(flags & 0x40), "encapsulation": encapsulation}


def tunnel_reply(data):
    subtype, code, flags, keepalive = struct.unpack("!BBHH", data)
    assert subtype == 0 and flags & 0x7FFF == 0
    return {"code": code, "forced": bool(flags & 0x8000), "keepalive": keepalive}


def revocation(data):
    flags, timestamp = struct.unpack("!HI", data)
    assert flags & 0x7FFF == 0
    return {"inform": bool(flags & 0x8000), "timestamp": timestamp}


def vendor(data):
    reserved, organization, kind = struct.unpack_from("!HIH", data)
    assert reserved == 0
    return {"organization": organization, "type": kind, "payload": data[8:].hex()}


def extensions(payload, at):
    """(key, offset, data) for every extension; key is the type, or (type, subtype) with a long header."""
    while at < len(payload):
        kind = payload[at]
        assert kind != 0, "our sender must not pad"
        if kind in LONG:
            subtype, length = struct.unpack_from("!BH", payload, at + 1)
            start, key = at + 4, (kind, subtype)
        else:
            start, key, length = at + 2, kind, payload[at + 1]
        assert start + length <= len(payload)
        yield key, at, payload[start:start + length]
        at = start + length


def fixed_part(payload):
    if payload[0] == 1:
        kind, flags, lifetime, home, agent, care_of, identification = struct.unpack_from("!BBH4s4s4sQ", payload)
        return 24, {"type": kind, "flags": flags, "lifetime": lifetime, "home_address": address(home),
                    "home_agent": address(agent), "care_of": address(care_of), "identification": str(identification),
                    "multipath": None, "flow_bindings": []}
    kind, code, lifetime, home, agent, identification = struct.unpack_from("!BBH4s4sQ", payload)
    return 20, {"type": kind, "code": code, "lifetime": lifetime, "home_address": address(home),
                "home_agent": address(agent), "identification": str(identification)}


def decode(payload):
    size, result = fixed_part(payload)
    result.update(nai=None, udp_tunnel=None, revocation=None, vendor=[])
    keys = []
    for key, offset, data in extensions(payload, size):
        keys.append(key)
        if key == 131:
            result["nai"] = data.hex()
        elif key == 144:
            result["udp_tunnel"] = tunnel_request(data)
        elif key == 44:
            result["udp_tunnel"] = tunnel_reply(data)
        elif key == 137:
            result["revocation"] = revocation(data)
        elif key == (154, 1):
            result["multipath"] = multipath(data)
        elif key == (154, 2):
            result["flow_bindings"].append(flow_binding(data))
        elif key == 134:
            result["vendor"].append(vendor(data))
        elif key == 32:
            result.update(spi=int.from_bytes(data[:4], "big"), covered=offset + 6, authenticator=data[4:])
        else:
            raise AssertionError(f"unexpected extension {key}")
    assert keys == sorted(keys, key=ORDER.index) and keys.count(32) == 1 and keys[-1] == 32
    return result
