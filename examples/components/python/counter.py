"""A processor that numbers what passes."""

import struct

from wit_world import exports
from wit_world.imports.types import Info, State

VERSION = 1
count = 0


class Lifecycle(exports.Lifecycle):
    def describe(self):
        return Info("counter", f"{VERSION}.0.0", 1, [])

    def init(self, config):
        pass

    def reconfigure(self, config):
        pass

    def probe(self):
        pass

    def busy(self):
        return 0

    def snapshot(self):
        return State(1, struct.pack("<Q", count))

    def restore(self, state):
        global count
        (count,) = struct.unpack("<Q", state.bytes)


class Processor(exports.Processor):
    def process_batch(self, batch):
        global count
        for message in batch:
            count += 1
            message.kind = VERSION
            message.payload = struct.pack("<Q", count)
        return batch
