"""Callers of libvirt in a process of their own, each a thread with a connection of its own; as callers.ts."""

import json
import sys
import threading
import time

import libvirt

NAME = "@NAME@"


class Callers:
    def __init__(self, target):
        self.target = target
        self.connections = []

    def connected(self, count):
        while len(self.connections) < count:
            self.connections.append(libvirt.open(self.target["address"]))
        return self.connections[:count]

    def obey(self, order):
        took = {}
        errors = []
        connections = self.connected(order.get("callers", 1))
        began = time.perf_counter()

        def work(connection, index):
            try:
                WORK[order["do"]](connection, index, order, took)
            except libvirt.libvirtError as error:
                errors.append(str(error))

        threads = [threading.Thread(target=work, args=(c, i)) for i, c in enumerate(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        report = {"took": took, "elapsedMs": (time.perf_counter() - began) * 1000}
        return report | ({"error": errors[0]} if errors else {})


def timed(took, what, call):
    began = time.perf_counter()
    answer = call()
    took.setdefault(what, []).append((time.perf_counter() - began) * 1000)
    return answer


def read(connection, _index, order, took):
    call = {
        "state": lambda: connection.lookupByName(order["domain"]).info,
        "list": lambda: lambda: connection.listAllDomains(0),
        "stats": lambda: lambda: connection.getAllDomainStats(0, 0),
    }[order["do"]]()
    end = time.perf_counter() + order["ms"] / 1000
    while time.perf_counter() < end:
        timed(took, order["do"], call)


def live(connection, index, order, took):
    for i in range(order["times"]):
        xml = order["xml"].replace(NAME, f"{order['prefix']}-{index}-{i}")
        domain = timed(took, "define", lambda: connection.defineXML(xml))
        timed(took, "start", domain.create)
        assert domain.info()[0] == libvirt.VIR_DOMAIN_RUNNING
        timed(took, "suspend", domain.suspend)
        timed(took, "destroy", domain.destroy)
        domain.undefine()


def fill(connection, _index, order, took):
    for xml in order["xmls"]:
        timed(took, "define", lambda: connection.defineXML(xml))


WORK = {"state": read, "list": read, "stats": read, "life": live, "fill": fill}

libvirt.registerErrorHandler(lambda _context, _error: None, None)
callers = Callers(json.loads(sys.argv[1]))
print("READY", flush=True)
for line in sys.stdin:
    print(json.dumps(callers.obey(json.loads(line))), flush=True)
