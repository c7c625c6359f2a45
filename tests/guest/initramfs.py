"""The first file system of the guest: a busybox, the script that finds the real root, and the modules it needs for that."""

import pathlib
import shlex

HERE = pathlib.Path(__file__).resolve().parent
WANTED = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]
FOLDERS = ["bin", "dev", "proc", "host", "memory", "root", "modules"]
FOLDER, FILE, PROGRAM = 0o40755, 0o100644, 0o100755


def write_initramfs(kernel, path):
    """`kernel`: what tests/guest/kernel unpacked. Uncompressed: the guest would take longer to unpack than QEMU to copy."""
    archive = Archive()
    for folder in FOLDERS:
        archive.add(folder, FOLDER)
    archive.add("bin/busybox", PROGRAM, (kernel / "bin/busybox").read_bytes())
    archive.add("init", PROGRAM, (HERE / "init").read_bytes())
    places = f"boot={shlex.quote(str(HERE / 'boot'))}\nkernel={shlex.quote(str(kernel))}\n"
    archive.add("places", FILE, places.encode())
    for place, module in enumerate(modules(kernel)):
        archive.add(f"modules/{place:02}-{module.name}", FILE, module.read_bytes())
    archive.add("TRAILER!!!", 0)
    pathlib.Path(path).write_bytes(archive.data)


def modules(kernel):
    """The wanted modules, each after those that it needs."""
    folder = next((kernel / "lib/modules").iterdir())
    needs = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        module, _, others = line.partition(":")
        needs[module] = others.split()
    by_name = {pathlib.Path(module).stem.replace("-", "_"): module for module in needs}
    order = []

    def add(module):
        for other in needs[module]:
            add(other)
        if module not in order:
            order.append(module)

    for name in WANTED:
        add(by_name[name])
    return [folder / module for module in order]


class Archive:
    """cpio, new ASCII format (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.data = bytearray()
        self._entries = 0

    def add(self, name, mode, content=b""):
        self._entries += 1
        name = name.encode() + b"\0"
        fields = [self._entries, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        self._append(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        self._append(content)

    def _append(self, data):
        self.data += data + bytes(-len(data) % 4)
