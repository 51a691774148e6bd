# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-testpmd as a vhost-user front-end (net_virtio_user), driven over its prompt."""

import os
import pathlib
import re
import select
import subprocess
import time
import uuid

from proc import Timeout, die_with_parent, stop_process

PROMPT = b"testpmd> "


def virtio_user(path, mac, *, queues=1, server=False, **options):
    """A device string: options are those of net_virtio_user (packed_vq=1, mrg_rxbuf=0, in_order=1, ...)."""
    words = [f"path={path}", f"queues={queues}", f"mac={mac}"] + (["server=1"] if server else [])
    return ",".join(words + [f"{key}={value}" for key, value in options.items()])


class Testpmd:
    """Front-ends for some ports, in one process. Memory is ordinary, shared as one file."""

    __test__ = False  # not a test class

    def __init__(self, rundir, devices, *, cores="0,1", queues=1, peers=(), args=(), eal=(), mbufs=None,
                 kind="net_virtio_user"):
        self.prefix = f"hd{uuid.uuid4().hex[:8]}"
        self.log = pathlib.Path(rundir) / f"{self.prefix}.testpmd"
        # Its answers are to come before the prompt that follows them: no buffering of whole blocks.
        argv = ["stdbuf", "-oL", "dpdk-testpmd", "--no-huge", "-m", 384, "--no-pci", "--no-telemetry", "-l", cores,
                "--file-prefix", self.prefix]
        for index, device in enumerate(devices):
            argv += ["--vdev", f"{kind}{index},{device}"]
        mbufs = mbufs or 4096 * len(devices) * queues + 4096
        argv += [*eal, "--", "-i", f"--total-num-mbufs={min(mbufs, 65536)}", f"--rxq={queues}", f"--txq={queues}", "--txd=256",
                 "--rxd=256"]
        for index, peer in enumerate(peers):
            argv.append(f"--eth-peer={index},{peer}")
        argv += args
        self.output = b""
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
                                        cwd=rundir)
        self._until_prompt(60)

    def _until_prompt(self, deadline, expect=b""):
        """Read on to a prompt behind `expect`: events of links print prompts of their own."""
        end = time.monotonic() + deadline
        seen = b""
        while not (expect in seen and seen.rstrip(b" ").endswith(PROMPT.rstrip())):
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Timeout(f"testpmd: no prompt within {deadline} s\n{(self.output + seen).decode(errors='replace')[-3000:]}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise AssertionError(f"testpmd ended\n{(self.output + seen).decode(errors='replace')[-3000:]}")
            seen += data
        self.output += seen
        return seen.decode(errors="replace")

    def cmd(self, text, deadline=20, expect=""):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self._until_prompt(deadline, expect.encode())

    def stats(self, port):
        """{"rx": packets, "tx": packets, "rx_bytes", "tx_bytes"} since start or clear."""
        text = self.cmd(f"show port stats {port}", expect="Tx-bps")
        def number(name):
            return int(re.search(rf"{name}:\s*(\d+)", text).group(1))
        return {"rx": number("RX-packets"), "tx": number("TX-packets"), "rx_bytes": number("RX-bytes"),
                "tx_bytes": number("TX-bytes")}

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            try:
                self.process.stdin.write(b"quit\n")
                self.process.stdin.flush()
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                pass
        stop_process(self.process, 5)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None
