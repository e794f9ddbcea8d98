import { VirtError } from "@virtmesh/core/errors";
import { ensurePackages } from "@virtmesh/lab/apt";
import type { Host } from "@virtmesh/lab/hosts";
import type { Output } from "../output.ts";
import { LIBVIRT_NEEDS, LibvirtDaemon } from "./daemon.ts";

/** One libvirtd, or why it cannot be had on this computer. */
export type MaybeDaemon = { readonly daemon: LibvirtDaemon } | { readonly missing: string };

/** Installs libvirt where it is missing and starts one daemon on this host. */
export async function startDaemon(host: Host, dir: string, output: Output): Promise<MaybeDaemon> {
  try {
    await ensurePackages(LIBVIRT_NEEDS, (text) => output.progress(text));
  } catch (e) {
    if (!VirtError.is(e) || e.reason !== "HOST_SETUP") throw e;
    return { missing: e.message };
  }
  return { daemon: await LibvirtDaemon.start(host, dir) };
}
