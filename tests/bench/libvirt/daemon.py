"""Runs a daemon, says READY when it is (sd_notify), and collects the processes it has let go of.

libvirtd daemonizes QEMU and then polls until the process is gone. Where PID 1 is slow to collect zombies that
would be counted against libvirt, so this process collects them (PR_SET_CHILD_SUBREAPER).
"""

import ctypes
import os
import signal
import socket
import sys
import threading

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
prctl = ctypes.CDLL(None, use_errno=True).prctl


def announce(notifications):
    while b"READY=1" not in notifications.recv(4096):
        pass
    print("READY", flush=True)


def main(notify_path, program):
    if prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")
    notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notifications.bind(notify_path)
    threading.Thread(target=announce, args=(notifications,), daemon=True).start()
    child = os.fork()
    if child == 0:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.environ["NOTIFY_SOCKET"] = notify_path
        os.execvp(program[0], program)
    print(f"PID {child}", flush=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


main(sys.argv[1], sys.argv[2:])
