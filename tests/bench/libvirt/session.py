"""A client of two libvirt daemons, driven by JSON lines: requests on stdin, answers and events on stdout.

Times are milliseconds of CLOCK_MONOTONIC, which every process of this computer shares.
"""

import json
import sys
import threading
import time

import libvirt
import libvirt_qemu

LIFECYCLE = [
    "DEFINED", "UNDEFINED", "STARTED", "SUSPENDED", "RESUMED",
    "STOPPED", "SHUTDOWN", "PMSUSPENDED", "CRASHED",
]  # fmt: skip
connections = {}
output = threading.Lock()


def now():
    return time.monotonic_ns() / 1e6


def say(message):
    with output:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def open_host(host, uri, heard_too):
    connection = libvirt.open(uri)
    connection.setKeepAlive(5, 3)
    connections[host] = connection
    if not heard_too:
        return

    def heard(_connection, domain, event, _seconds, _micros, details, _opaque):
        data = json.loads(details) if details else {}
        say({"event": event, "host": host, "domain": domain.name(), "at": now(), "data": data})

    def lifecycle(_connection, domain, event, _detail, _opaque):
        say({"event": "LIFECYCLE", "host": host, "domain": domain.name(), "at": now(), "data": {"to": LIFECYCLE[event]}})

    libvirt_qemu.qemuMonitorEventRegister(connection, None, None, heard, None)
    connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle, None)


def domain_of(request):
    return connections[request["host"]].lookupByName(request["domain"])


def migrate(request):
    flags = (
        libvirt.VIR_MIGRATE_LIVE
        | libvirt.VIR_MIGRATE_PEER2PEER
        | libvirt.VIR_MIGRATE_NON_SHARED_DISK
        | libvirt.VIR_MIGRATE_PERSIST_DEST
        | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    )
    parameters = {
        libvirt.VIR_MIGRATE_PARAM_URI: request["data_uri"],
        libvirt.VIR_MIGRATE_PARAM_DEST_XML: request["destination_xml"],
        libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: request["destination_xml"],
    }
    if request.get("bandwidth_mib"):
        parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = request["bandwidth_mib"]
    domain_of(request).migrateToURI3(request["destination"], parameters, flags)


def state(request):
    domain = domain_of(request)
    jobs = json.loads(libvirt_qemu.qemuMonitorCommand(domain, '{"execute":"query-block-jobs"}', 0)).get("return", [])
    return {"running": domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING, "job": domain.jobInfo()[0], "blockJobs": len(jobs)}


def stop(request):
    """Whatever is left of the guest on that host goes."""
    try:
        domain = domain_of(request)
    except libvirt.libvirtError:
        return
    if domain.isActive():
        domain.destroy()
    if domain.isPersistent():
        domain.undefine()


OPERATIONS = {
    "open": lambda r: open_host(r["host"], r["target"], r["events"]),
    "close": lambda r: connections.pop(r["host"]).close(),
    "define": lambda r: connections[r["host"]].defineXML(r["xml"]) and None,
    "start": lambda r: domain_of(r).create(),
    "create": lambda r: connections[r["host"]].createXML(r["xml"], libvirt.VIR_DOMAIN_START_PAUSED) and None,
    "destroy": lambda r: domain_of(r).destroy(),
    "undefine": lambda r: domain_of(r).undefine(),
    "migrate": migrate,
    "state": state,
    "stop": stop,
}


def answer(request):
    began = now()
    try:
        result = OPERATIONS[request["op"]](request)
        say({"id": request["id"], "began": began, "ended": now(), "result": result})
    except (libvirt.libvirtError, OSError) as error:
        say({"id": request["id"], "began": began, "ended": now(), "error": str(error)})


def run_event_loop():
    while True:
        libvirt.virEventRunDefaultImpl()


libvirt.registerErrorHandler(lambda _context, _error: None, None)
libvirt.virEventRegisterDefaultImpl()
threading.Thread(target=run_event_loop, daemon=True).start()
for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
