"""Many nodes and a large policy through the whole home agent: both daemons, on DPDK ports.

mip-load runs in `core`, next to the home agent; its requests pass the data plane's exception path to homeward-control,
whose replies wait for the data plane's confirmation.
"""

import json

import pytest
from harness import homeward
from harness.build import binary
from harness.homeward import CORE, HOME_AGENT, HomewardSystem
from harness.process import wait_until

KEY = "000102030405060708090a0b0c0d0e0f"
NODES = 1000


@pytest.fixture
def system():
    if reason := homeward.unmet_needs():
        pytest.skip(reason)
    with HomewardSystem("load") as made:
        made.ha.config["home_networks"].append({"prefix": "10.20.0.0/16"})
        made.ha.config["nodes"] = [
            {"home_address": f"10.20.{i // 256}.{i % 256}",
             "associations": [{"spi": 256, "algorithm": "hmac-md5", "key": KEY}]} for i in range(1, NODES + 1)]
        made.ha.start()
        yield made


def load(system, *words):
    done = system.core.run(binary("mip-load"), "--agent", HOME_AGENT, "--source", CORE, "--home", "10.20.0.1", *words,
                           timeout=200)
    return {report["phase"]: report for report in map(json.loads, done.stdout.splitlines())}


def test_a_thousand_nodes(system):
    admin = system.ha.admin
    reports = load(system, "--nodes", NODES, "--stay")
    print(json.dumps(reports))
    assert admin.status()["bindings"] == NODES
    system.ha.dataplane.kill()
    system.ha.start_dataplane()
    wait_until(lambda: admin.status()["dataplane"]["synchronised"], "the new data plane has everything")
    reports = load(system, "--nodes", NODES)
    assert reports["leave"]["codes"] == {"0": NODES}
    assert admin.status()["bindings"] == 0


def test_a_policy_of_100000_rules(system):
    reports = load(system, "--nodes", 1, "--rules", 100000, "--stay")
    print(json.dumps(reports))
    assert reports["synchronise"]["synchronised"]
    policy = system.ha.admin.get("/v1/policy?node=10.20.0.1")
    assert (policy["source"], policy["total_rules"]) == ("node", 100000)
    assert system.ha.admin.counters()["registration.dataplane-timeouts"] == 0
