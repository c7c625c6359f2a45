"""A policy changes under traffic: nothing is lost, both ends agree, a bad one changes nothing.

    mn ──wlan0── ap ── core ── ha ── lan ── ftp, video     UDP flows in both directions, numbered
     └─rmnet0── cell (NAT) ──┘
"""

import pytest
from harness.admin import ApiError
from harness.homeward import FTP_SERVER, HOME_ADDRESS, VIDEO_OVER_CELLULAR, HomewardSystem, more

RATE = 300
FTP_OVER_CELLULAR = {
    "default": ["wlan", "cellular"],
    "rules": [{"name": "ftp", "correspondent": f"{FTP_SERVER}/32", "prefer": ["cellular", "wlan"]}],
}


@pytest.fixture(scope="module")
def system():
    with HomewardSystem("policy") as net:
        net.start()
        net.mn.wait_synchronised()
        yield net


@pytest.fixture
def flows(system):
    pair = system.flow_pair(6200, RATE)
    more(pair, 50)
    yield pair
    for flow in pair:
        if flow.sender.running():
            flow.stop()
    system.mn.write_policy(VIDEO_OVER_CELLULAR)
    system.mn.reload()
    system.mn.wait_synchronised()


def apply(system, policy):
    system.mn.write_policy(policy)
    assert system.mn.reload()["applied"]
    system.mn.wait_synchronised()


def many_rules(count):
    """A table of distinct /32s, none of which is a server here, with one rule in force at the end."""
    rules = [{"correspondent": f"10.{128 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32", "prefer": ["cellular"]} for n in range(count)]
    return {"default": ["wlan", "cellular"], "rules": rules + FTP_OVER_CELLULAR["rules"]}


def held_by_home_agent(system):
    (binding,) = system.ha.admin.get("/v1/bindings")["bindings"]
    return binding["policy"]


@pytest.mark.parametrize("policy", [FTP_OVER_CELLULAR, many_rules(100), many_rules(5000)], ids=["1", "101", "5001"])
def test_a_reload_moves_both_directions_and_loses_nothing(system, flows, policy):
    apply(system, policy)
    before = system.mn.admin.uplinks()
    more(flows, 100)
    after = system.mn.admin.uplinks()
    for counter in ("tx_packets", "rx_packets"):
        assert after["cellular"][counter] - before["cellular"][counter] >= 60
    generation = system.mn.admin.get("/v1/policy")["generation"]
    at_home = held_by_home_agent(system)
    assert at_home["source"] in ("node", "flow-bindings")
    assert (at_home["digest"], at_home["version"]) == (generation["digest"], generation["version"])
    assert at_home["rules"] == len(policy["rules"])
    for flow in flows:
        result = flow.stop()
        assert (result["missing"], result["duplicates"]) == ([], 0)


def test_ten_reloads_in_a_row_lose_nothing(system, flows):
    for number in range(10):
        apply(system, FTP_OVER_CELLULAR if number % 2 else VIDEO_OVER_CELLULAR)
        more(flows, 20)
    for flow in flows:
        assert flow.stop()["missing"] == []


BAD = [
    ("default: [wlan, celular]\nrules: []\n", ["policy.yaml:1", "celular"]),
    ("default: [wlan, cellular]\nrules:\n  - correspondent: 10.0.0.0/33\n    prefer: [wlan]\n", ["policy.yaml:3", "correspondent"]),
    ("default: [wlan, cellular]\nrulez: []\n", ["policy.yaml:2", "rulez"]),
    ("default: [wlan, cellular]\nrules:\n  - correspondent: 10.0.0.0/8\n    prefers: [wlan]\n", ["policy.yaml:", "prefers"]),
    ("default: [wlan, cellular\n", ["policy.yaml:"]),
    ("default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    prefer: [wlan]\n    mode: redundant\n",
     ["policy.yaml:5: rules[0].mode", "second uplink"]),
    ("default: [wlan, cellular]\nrules:\n  - correspondent: 10.0.0.0/8\n    prefer: [wlan]\n    mode: redundant\n",
     ["mn.yaml:", "rules[0].mode", "tunnel.sequence_numbers: true"]),
]


@pytest.mark.parametrize("text, words", BAD)
def test_a_bad_policy_changes_nothing_and_says_where(system, flows, text, words):
    before = system.mn.admin.get("/v1/policy")["generation"]
    system.mn.write_policy(text)
    with pytest.raises(ApiError) as refused:
        system.mn.reload()
    assert refused.value.status == 422
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert system.mn.admin.get("/v1/policy")["generation"] == before
    more(flows, 20)
    for flow in flows:
        assert flow.stop()["missing"] == []
    assert held_by_home_agent(system)["digest"] == before["digest"]


def test_the_home_agents_table_serves_a_node_without_one():
    """A node with nothing but a default leaves the choice of the way down to its home agent."""
    with HomewardSystem("hapolicy") as net:
        net.mn.write_policy({"default": ["wlan", "cellular"]})
        net.ha.policy_file.write_text(
            f"default: [wlan, cellular]\nrules:\n  - correspondent: {FTP_SERVER}/32\n    prefer: [cellular, wlan]\n")
        net.ha.admit(net.mn)
        net.ha.config["nodes"][0]["policy"] = "policy.yaml"
        net.start()
        assert net.ha.admin.get(f"/v1/policy?node={HOME_ADDRESS}")["total_rules"] in (0, 1)
        assert net.mn_ns.ping(FTP_SERVER, count=2).returncode == 0
