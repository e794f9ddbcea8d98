import {
  DomainServiceService as domains,
  GetDomainRequest,
  type DomainDisk,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { writeXml } from "@virtmesh/documents/xml/write";
import { clean } from "../output/table.ts";
import { resolveTarget, type Session } from "../session.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb } from "../verb.ts";
import { tag } from "../xml-text.ts";
import { attach, detach, DEVICE_OPTIONS, update } from "./attach.ts";

const TARGET = { name: "target", help: "name of the disk in the guest: vdb" } as const;
const PRINT = { flags: "--print-xml", help: "only print the device that would be used" } as const;

/** `<disk>` as the options of attach-disk describe it. */
export function diskXml(source: string, target: string, given: Given): string {
  const block =
    given.text("sourcetype") === "block" || (given.text("sourcetype") === "" && source.startsWith("/dev/"));
  const mode = given.text("mode");
  const driver = {
    name: given.text("driver"),
    type: given.text("subdriver"),
    cache: given.text("cache"),
    io: given.text("io"),
    iothread: given.text("iothread"),
  };
  const hasDriver = Object.values(driver).some((value) => value !== "");
  return writeXml(
    tag("disk", { type: block ? "block" : "file", device: given.text("type") || "disk" }, [
      hasDriver ? tag("driver", { ...driver, name: driver.name || "qemu" }) : undefined,
      source === "" ? undefined : tag("source", { [block ? "dev" : "file"]: source }),
      tag("target", { dev: target, bus: given.text("targetbus") }),
      mode === "readonly" ? tag("readonly") : undefined,
      mode === "shareable" ? tag("shareable") : undefined,
      given.text("serial") === "" ? undefined : tag("serial", {}, [given.text("serial")]),
      given.text("wwn") === "" ? undefined : tag("wwn", {}, [given.text("wwn")]),
      given.text("alias") === "" ? undefined : tag("alias", { name: given.text("alias") }),
    ]),
  );
}

export const attachDisk: Verb = {
  name: "attach-disk",
  group: "Devices and screens",
  summary: "plug a disk into a guest",
  args: [
    DOMAIN_ARGUMENT,
    { name: "source", help: "image or device on the guest's host; '' is an empty drive" },
    TARGET,
  ],
  options: [
    { flags: "--targetbus <bus>", help: "virtio, scsi, sata, ...; as the target's name means unless given" },
    { flags: "--driver <name>", help: "driver of the host side" },
    { flags: "--subdriver <format>", help: "format of the image: raw, qcow2" },
    { flags: "--cache <mode>", help: "none, writeback, ..." },
    { flags: "--io <mode>", help: "native, threads, io_uring" },
    { flags: "--iothread <number>", help: "the thread that serves it" },
    { flags: "--type <device>", help: "what the guest sees", choices: ["disk", "cdrom", "floppy", "lun"] },
    { flags: "--mode <mode>", help: "who may write", choices: ["readonly", "shareable"] },
    { flags: "--sourcetype <type>", help: "what the source is", choices: ["file", "block"] },
    { flags: "--serial <text>", help: "serial number of the disk" },
    { flags: "--wwn <text>", help: "world wide name of the disk" },
    { flags: "--alias <name>", help: "name for it: ua-..." },
    PRINT,
    ...DEVICE_OPTIONS,
  ],
  async run(session, given) {
    const xml = diskXml(given.arg(1), given.arg(2), given);
    if (given.flag("printXml")) return session.terminal.print(xml);
    await attach(session, given, xml, `Disk '${clean(given.arg(2))}' attached`);
  },
};

export const detachDisk: Verb = {
  name: "detach-disk",
  group: "Devices and screens",
  summary: "take a disk away from a guest, which must let go of it",
  args: [DOMAIN_ARGUMENT, { ...TARGET, completes: "guest-disk" }],
  options: DEVICE_OPTIONS,
  async run(session, given) {
    const target = given.arg(1);
    await detach(session, given, { $case: "target", value: target }, `Disk '${clean(target)}' detached`);
  },
};

async function driveOf(session: Session, given: Given): Promise<DomainDisk> {
  const target = await resolveTarget(session, given.arg(0));
  const { disks, name } = await session.rpc.unary(domains.getDomain, GetDomainRequest.fromPartial(target));
  const wanted = given.arg(1);
  const drive = disks.find(
    (disk) => disk.target === wanted || (disk.source !== "" && disk.source === wanted),
  );
  if (drive === undefined) throw new VirtError("DEVICE_NOT_FOUND", `guest "${name}" has no disk "${wanted}"`);
  if (drive.device !== "cdrom" && drive.device !== "floppy") {
    throw new VirtError(
      "INVALID_FIELD",
      `disk "${drive.target}" of guest "${name}" is no drive whose medium can be changed`,
    );
  }
  return drive;
}

export const changeMedia: Verb = {
  name: "change-media",
  group: "Devices and screens",
  summary: "put a medium into a drive of a guest, or take it out",
  args: [
    DOMAIN_ARGUMENT,
    { name: "target", help: "name of the drive (sda), or the image in it", completes: "guest-disk" },
    { name: "source", help: "image on the guest's host", optional: true },
  ],
  options: [
    { flags: "--eject", help: "take the medium out" },
    { flags: "--insert", help: "put one into an empty drive" },
    { flags: "--update", help: "whatever is in the drive (the default)" },
    { flags: "--block", help: "the source is a device" },
    { flags: "--force", help: "even when the guest has locked its tray" },
    PRINT,
    ...DEVICE_OPTIONS,
  ],
  async run(session, given) {
    const drive = await driveOf(session, given);
    const source = given.arg(2);
    const eject = given.flag("eject");
    if (eject && source !== "") throw new VirtError("INVALID_FIELD", "--eject takes no source");
    if (!eject && source === "")
      throw new VirtError("INVALID_FIELD", "name the image to insert, or say --eject");
    if (eject && drive.source === "")
      throw new VirtError("WRONG_STATE", `the drive "${drive.target}" is empty already`);
    if (given.flag("insert") && drive.source !== "")
      throw new VirtError("WRONG_STATE", `there is ${drive.source} in the drive "${drive.target}" already`);
    const block = given.flag("block");
    const xml = writeXml(
      tag("disk", { type: block ? "block" : "file", device: drive.device }, [
        source === "" ? undefined : tag("source", { [block ? "dev" : "file"]: source }),
        tag("target", { dev: drive.target, bus: drive.bus }),
        drive.readonly ? tag("readonly") : undefined,
      ]),
    );
    if (given.flag("printXml")) return session.terminal.print(xml);
    const done = eject ? "Medium ejected from" : "Medium changed in";
    await update(session, given, xml, `${done} '${clean(drive.target)}'`);
  },
};
