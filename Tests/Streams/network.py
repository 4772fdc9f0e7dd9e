"""Two network namespaces with a wire between them that can be told to lose packets."""

import os
import subprocess

ADDRESSES = {"camera": "192.0.2.1", "daemon": "192.0.2.2"}


class Network:
    """A `camera` and a `daemon`, each in a namespace of its own, so that nothing of the machine's own network is touched."""

    def __init__(self):
        self.names = {end: f"segmentd-{end}-{os.getpid()}" for end in ADDRESSES}
        # At most 15 characters (IFNAMSIZ).
        self.links = {end: f"sg{end[0]}{os.getpid()}" for end in ADDRESSES}

    def __enter__(self):
        try:
            for name in self.names.values():
                call("ip", "netns", "add", name)
            camera, daemon = self.links["camera"], self.links["daemon"]
            call("ip", "link", "add", camera, "type", "veth", "peer", "name", daemon)
            for end, link in self.links.items():
                call("ip", "link", "set", link, "netns", self.names[end])
                self.inside(end, "ip", "address", "add", f"{ADDRESSES[end]}/24", "dev", link)
                self.inside(end, "ip", "link", "set", link, "up")
                self.inside(end, "ip", "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)

    def command(self, end, *words):
        """The command that runs another inside a namespace."""
        return ["ip", "netns", "exec", self.names[end], *map(str, words)]

    def inside(self, end, *words):
        call(*self.command(end, *words))

    def lose(self, percent):
        """Loses that part of the packets of both directions, from now on; returns by what means."""
        for end, link in self.links.items():
            words = ["tc", "qdisc", "replace", "dev", link, "root", "netem", "loss", f"{percent}%"]
            result = subprocess.run(self.command(end, *words), capture_output=True)
            if result.returncode != 0:
                break
        else:
            return "netem"
        # A kernel without netem. What is dropped on arrival is lost to both ends just the same.
        for end in self.links:
            rules = f"""
                table inet loss {{
                    chain arrival {{
                        type filter hook prerouting priority -300;
                        iif != lo numgen random mod 100 < {percent} drop
                    }}
                }}"""
            subprocess.run(self.command(end, "nft", "-f", "-"), input=rules, text=True, check=True)
        return "nftables"

    def heal(self):
        """Loses nothing any more."""
        for end, link in self.links.items():
            subprocess.run(self.command(end, "tc", "qdisc", "del", "dev", link, "root"), capture_output=True)
            subprocess.run(self.command(end, "nft", "delete", "table", "inet", "loss"), capture_output=True)


def call(*words):
    subprocess.run(words, check=True)
