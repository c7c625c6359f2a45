# make [SANITIZE=address|thread] [TARGET]; `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := all
.PHONY: all bench bench-check bench-ha bench-handover bench-mn bench-veth cross-arm64 demo demo-engines deps format fuzz help install lint papers soak test test-arm64 test-nic test-wifi

# Every package that building, testing, linting and the demo need on Debian 12, each named once.
PACKAGES := \
  g++ meson ninja-build pkg-config python3 clang libclang-rt-14-dev \
  libdpdk-dev libbpf-dev bpftool libmnl-dev libyaml-dev libasio-dev libboost-dev libspdlog-dev libfmt-dev \
  libcli11-dev nlohmann-json3-dev libsqlite3-dev libssl-dev libsystemd-dev \
  libgtest-dev libgmock-dev libbenchmark-dev python3-pytest python3-scapy python3-numpy python3-matplotlib \
  iproute2 iputils-ping nftables ethtool procps tcpdump tshark curl iperf3 vsftpd ffmpeg \
  clang-format clang-tidy cppcheck shellcheck pyflakes3

# DPDK's programs beside its libraries: testpmd, devbind.
DPDK_PROGRAMS := dpdk
# What tests/nic needs beside those: a machine with PCI NICs, and what the manual says about NICs done in it.
NIC_PACKAGES := qemu-system-x86 kmod pciutils $(DPDK_PROGRAMS)
# What tests/wifi needs: a machine with radios, and those who talk over them.
WIFI_PACKAGES := qemu-system-x86 kmod hostapd wpasupplicant iw
# The node for arm64: a compiler, libraries that have archives, and somebody to run the tests.
ARM64_PACKAGES := g++-aarch64-linux-gnu qemu-user-static \
  $(addsuffix :arm64,libbpf-dev libelf-dev zlib1g-dev libyaml-dev libssl-dev libgtest-dev libgmock-dev)
# What bench-veth and bench-handover compare with: testpmd and other tunnels.
BENCH_PACKAGES := $(DPDK_PROGRAMS) wireguard-go wireguard-tools fastd openvpn openssl

SANITIZE :=
FUZZ_SECONDS := 20
SOAK_SECONDS := 600
ifeq ($(SANITIZE),)
  BUILD := build
  SETUP := --buildtype=release -Ddebug=true -Db_lto=true
else ifeq ($(SANITIZE),address)
  BUILD := build-address
  SETUP := --buildtype=debugoptimized -Db_sanitize=address,undefined
else ifeq ($(SANITIZE),thread)
  BUILD := build-thread
  SETUP := --buildtype=debugoptimized -Db_sanitize=thread
else
  $(error SANITIZE is address or thread, not "$(SANITIZE)")
endif
DESTDIR :=
export FUZZ_SECONDS DESTDIR

all: deps  ## build the daemons and `homeward` into build/
	tools/build $(BUILD) $(SETUP)

test: deps  ## build and run every test; the last line counts them
	tools/build $(BUILD) $(SETUP)
	tools/owned $(BUILD) tests/run $(BUILD)

test-nic: deps  ## the home agent on PCI NICs (vfio, huge pages, RSS), in a machine that QEMU emulates
	tools/build $(BUILD) $(SETUP)
	tools/owned $(BUILD) tests/run $(BUILD) --suite nic --verbose

test-wifi: deps  ## roaming between WiFi access points and cellular, on radios that QEMU's guest simulates (root)
	tools/build $(BUILD) $(SETUP)
	tools/owned $(BUILD) tests/run $(BUILD) --suite wifi --verbose

ARM64 := build-arm64
ARM64_SETUP := --cross-file packaging/cross/arm64.ini --buildtype=release -Doptimization=2 -Dhome_agent=disabled

cross-arm64: deps  ## a static homeward-mn and homeward for arm64, into build-arm64/
	tools/build $(ARM64) $(ARM64_SETUP) -- mn-agent/daemon/homeward-mn control/cli/homeward

# An emulated processor takes ten times as long.
test-arm64: deps  ## the node's unit tests, built for arm64, run by qemu-user
	tools/build $(ARM64) $(ARM64_SETUP)
	tools/owned $(ARM64) tests/run $(ARM64) --suite unit --suite arm64 --timeout-multiplier=100

# The test leaves sanitizers alone.
ifeq ($(SANITIZE),)
test test-nic: PACKAGES += $(NIC_PACKAGES)
endif
test-wifi: PACKAGES += $(WIFI_PACKAGES)
cross-arm64 test-arm64: PACKAGES += $(ARM64_PACKAGES)
bench-handover bench-mn bench-veth: PACKAGES += $(BENCH_PACKAGES)

demo: deps  ## the paper's experiment in network namespaces (root, 4 minutes)
	tools/build $(BUILD) $(SETUP)
	tools/owned $(BUILD) /usr/bin/python3 -B bench/demo/demo.py --build $(BUILD)

demo-engines: deps  ## selection engines on one walk, with real traffic (root, 6 minutes); ENGINES=a,b SECONDS=n JSON=file
	tools/build $(BUILD) $(SETUP)
	tools/owned $(BUILD) /usr/bin/python3 -B bench/demo/engines.py --build $(BUILD) $(if $(ENGINES),--engines $(ENGINES)) \
	  $(if $(SECONDS),--seconds $(SECONDS)) $(if $(JSON),--json $(JSON))

bench: deps  ## measurements, held against the floors beside them
	tools/build $(BUILD) $(SETUP)
	tools/owned $(BUILD) meson test -C $(BUILD) --benchmark --no-rebuild --verbose

bench-ha: deps  ## cycles a packet in the home agent's worker; FULL=1: the whole matrix
	tools/build $(BUILD) $(SETUP)
	ninja -C $(BUILD) bench/ha/bench-ha
	tools/owned $(BUILD) /usr/bin/python3 -B bench/ha/run.py --build $(BUILD) $(if $(FULL),--full)

bench-veth: deps  ## the home agent beside testpmd and other tunnels, over veth (root, 6 minutes)
	tools/build $(BUILD) $(SETUP)
	ninja -C $(BUILD) bench-veth
	tools/owned $(BUILD) /usr/bin/python3 -B bench/veth/run.py --build $(BUILD)

bench-handover: deps  ## interruptions by moves, beside MPTCP, wireguard-go and plain routes (root, 16 minutes)
	tools/build $(BUILD) $(SETUP)
	ninja -C $(BUILD) bench-handover
	tools/owned $(BUILD) /usr/bin/python3 -B bench/handover/run.py --build $(BUILD)

bench-mn: deps  ## the node's fast path beside a bare cable, VXLAN and wireguard-go (root, 4 minutes)
	tools/build $(BUILD) $(SETUP)
	ninja -C $(BUILD) bench-veth
	tools/owned $(BUILD) /usr/bin/python3 -B bench/mn/run.py --build $(BUILD)

papers: deps  ## repeat the selection papers' evaluations: build/papers/report.html (6 minutes); SEEDS=n, EVENTS=n for more
	tools/build $(BUILD) $(SETUP)
	ninja -C $(BUILD) bench/papers/bench-papers
	tools/owned $(BUILD) /usr/bin/python3 -B bench/papers/run.py --build $(BUILD) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(EVENTS),--events $(EVENTS))

bench-check:  ## hold build/bench against bench/floors
	/usr/bin/python3 -B bench/check.py --build $(BUILD)

lint: deps  ## what may be said without running anything; only files changed since the last clean run
	tools/build $(BUILD) $(SETUP)
	tools/owned $(BUILD) tools/lint $(BUILD)

format: deps  ## clang-format everything in place
	git ls-files '*.h' '*.cpp' '*.c' | xargs clang-format -i

fuzz: deps  ## every libFuzzer target for FUZZ_SECONDS each
	tools/owned build-fuzz tests/fuzz/run build-fuzz $(FUZZ_SECONDS)

soak: deps  ## SOAK_SECONDS of changes under traffic: nothing lost, torn or leaked (root)
	tools/build $(BUILD) $(SETUP)
	TSAN_OPTIONS=suppressions=tests/packets/tsan.supp \
	  tools/owned $(BUILD) setarch -R $(BUILD)/tests/soak/soak --seconds $(SOAK_SECONDS)

install: all  ## into /usr/local, or below DESTDIR
	meson install -C $(BUILD) --no-rebuild

deps:  ## install what is missing (apt, as root)
	@tools/install-packages $(PACKAGES)

help:
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' Makefile
