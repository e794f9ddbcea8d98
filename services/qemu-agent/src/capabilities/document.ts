import type { HostInfo } from "@virtmesh/core/driver/host";
import type { QemuCapabilities } from "./model.ts";

/** libvirt's capabilities document (libvirt documentation, "Driver capabilities XML"), as far as it is known here. */
export function capabilitiesXml(host: HostInfo, qemu: QemuCapabilities): string {
  const machines = qemu.machines
    .filter((m) => !m.deprecated)
    .flatMap((m) => {
      const canonical = m.alias === undefined ? "" : ` canonical='${escape(m.name)}'`;
      const name = escape(m.alias ?? m.name);
      return [`      <machine${canonical} maxCpus='${m.maxCpus}'>${name}</machine>`];
    });
  const domains = [...qemu.accelerators].map((a) => `      <domain type='${a === "kvm" ? "kvm" : "qemu"}'/>`);
  return [
    "<capabilities>",
    "  <host>",
    ...(host.uuid === "" ? [] : [`    <uuid>${host.uuid}</uuid>`]),
    "    <cpu>",
    `      <arch>${escape(host.architecture)}</arch>`,
    `      <topology sockets='1' dies='1' cores='${host.cpus}' threads='1'/>`,
    "    </cpu>",
    "    <migration_features>",
    "      <live/>",
    "      <uri_transports>",
    "        <uri_transport>tcp</uri_transport>",
    "      </uri_transports>",
    "    </migration_features>",
    "    <topology>",
    "      <cells num='1'>",
    "        <cell id='0'>",
    `          <memory unit='KiB'>${host.memoryBytes / 1024n}</memory>`,
    "        </cell>",
    "      </cells>",
    "    </topology>",
    "  </host>",
    "  <guest>",
    "    <os_type>hvm</os_type>",
    `    <arch name='${escape(qemu.arch)}'>`,
    `      <wordsize>${qemu.arch === "i386" ? 32 : 64}</wordsize>`,
    `      <emulator>${escape(qemu.binary)}</emulator>`,
    ...machines,
    ...domains,
    "    </arch>",
    "  </guest>",
    "</capabilities>",
    "",
  ].join("\n");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
}
