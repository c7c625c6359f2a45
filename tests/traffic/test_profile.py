"""The TRex profile makes the packets that bench/traffic/tunnel_traffic.py defines, and says what is wrong with a
tunable."""

import field_engine
import home_agent
import pytest
import tunnel_traffic

PROFILE = field_engine.load(tunnel_traffic.__file__.rsplit("/", 1)[0], "homeward_stl")


@pytest.mark.parametrize("direction, tunables, streams", [
    (0, [], tunnel_traffic.uplink(1000)),
    (0, ["--nodes", "7", "--mix", "imix"], tunnel_traffic.uplink(7, "imix")),
    (0, ["--outer_checksum", "nic", "--mix", "65"], tunnel_traffic.uplink(1000, "65", outer_checksum=True)),
    (0, ["--side", "home"], tunnel_traffic.downlink(1000)),
    (1, ["--mix", "imix"], tunnel_traffic.downlink(1000, "imix")),
    (1, ["--nodes", "1048576", "--mix", "1468"], tunnel_traffic.downlink(1 << 20, "1468")),
    (3, ["--side", "access", "--nodes", "1"], tunnel_traffic.uplink(1)),
])
def test_its_streams_are_the_defined_ones(direction, tunables, streams):
    made = PROFILE.get_streams(direction=direction, tunables=tunables, port_id=direction)
    assert [(stream.name, stream.pps) for stream in made] == [(stream.name, stream.share) for stream in streams]
    for theirs, ours in zip(made, streams):
        for number in (*range(260), 999, 1000, 1001, 1048575, 1048576):
            assert theirs.packet(number) == ours.packet(number), (ours.name, number)


@pytest.mark.parametrize("tunables, complaint", [
    (["--nodes", "0"], "nodes: from 1 to 1048576, not 0"),
    (["--nodes", "1048577"], "nodes: from 1 to 1048576, not 1048577"),
    (["--mix", "27"], 'mix: "imix" or a length from 28 to 1468, not "27"'),
    (["--mix", "1469"], 'not "1469"'),
    (["--mix", "big"], 'not "big"'),
    (["--outer-checksum", "right"], "invalid choice: 'right'"),
    (["--rules", "3"], "unrecognized arguments: --rules 3"),
])
def test_a_bad_tunable_is_named(tunables, complaint, capsys):
    with pytest.raises(SystemExit):
        PROFILE.get_streams(direction=0, tunables=tunables)
    assert complaint in capsys.readouterr().err


def test_a_report_tells_rates_workers_and_losses():
    before = {"pipeline.uplink_packets": 100, "pipeline.downlink_packets": 7, "worker.0.packets": 60, "worker.1.packets": 47,
              "drop.decap.wrong_tuple": 3, "drop.encap.policy": 5, "port.access.rx_missed": 1}
    after = {"pipeline.uplink_packets": 2100, "pipeline.downlink_packets": 7, "worker.0.packets": 1060,
             "worker.1.packets": 1047, "drop.decap.wrong_tuple": 43, "drop.encap.policy": 5, "port.access.rx_missed": 5}
    assert home_agent.report(before, after, 2) == (
        "uplink 1,000/s, downlink 0/s, workers 500 500, drop.decap.wrong_tuple 20/s, port.access.rx_missed 2/s")
