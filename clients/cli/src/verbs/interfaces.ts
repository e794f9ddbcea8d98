import { DomainServiceService as domains, GetDomainRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { writeXml } from "@virtmesh/documents/xml/write";
import { clean } from "../output/table.ts";
import { resolveTarget } from "../session.ts";
import { DOMAIN_ARGUMENT, type Given, type Verb } from "../verb.ts";
import { tag } from "../xml-text.ts";
import { attach, detach, DEVICE_OPTIONS } from "./attach.ts";

const TYPES = ["network", "bridge", "direct", "ethernet", "user"] as const;
const TYPE = { name: "type", help: "what it is connected to", choices: TYPES } as const;

/** Which attribute of `<source>` names what an interface is connected to. */
const SOURCES: Readonly<Record<string, string>> = { network: "network", bridge: "bridge", direct: "dev" };

/** `<interface>` as the options of attach-interface describe it. */
export function interfaceXml(type: string, source: string, given: Given): string {
  const name = SOURCES[type];
  if (name !== undefined && source === "")
    throw new VirtError("INVALID_FIELD", `an interface of the type ${type} needs a source`);
  const mode = type === "direct" ? given.text("sourceMode") || "vepa" : "";
  return writeXml(
    tag("interface", { type }, [
      given.text("mac") === "" ? undefined : tag("mac", { address: given.text("mac") }),
      name === undefined ? undefined : tag("source", { [name]: source, mode }),
      given.text("target") === "" ? undefined : tag("target", { dev: given.text("target") }),
      given.text("model") === "" ? undefined : tag("model", { type: given.text("model") }),
      given.text("alias") === "" ? undefined : tag("alias", { name: given.text("alias") }),
    ]),
  );
}

export const attachInterface: Verb = {
  name: "attach-interface",
  group: "Devices and screens",
  summary: "plug a network card into a guest",
  args: [
    DOMAIN_ARGUMENT,
    TYPE,
    { name: "source", help: "network, bridge or device on the guest's host", optional: true },
  ],
  options: [
    { flags: "--mac <address>", help: "made up unless given" },
    { flags: "--model <model>", help: "virtio, e1000e, ..." },
    { flags: "--target <name>", help: "name of the interface on the host" },
    {
      flags: "--source-mode <mode>",
      help: "of a direct one",
      choices: ["vepa", "bridge", "private", "passthrough"],
    },
    { flags: "--alias <name>", help: "name for it: ua-..." },
    { flags: "--print-xml", help: "only print the device that would be used" },
    ...DEVICE_OPTIONS,
  ],
  async run(session, given) {
    const xml = interfaceXml(given.arg(1), given.arg(2), given);
    if (given.flag("printXml")) return session.terminal.print(xml);
    await attach(session, given, xml, "Interface attached");
  },
};

export const detachInterface: Verb = {
  name: "detach-interface",
  group: "Devices and screens",
  summary: "take a network card away from a guest, which must let go of it",
  args: [DOMAIN_ARGUMENT, TYPE],
  options: [{ flags: "--mac <address>", help: "which one, when there are several" }, ...DEVICE_OPTIONS],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const { interfaces, name } = await session.rpc.unary(
      domains.getDomain,
      GetDomainRequest.fromPartial(target),
    );
    const mac = given.text("mac").toLowerCase();
    const fitting = interfaces.filter(
      (nic) => nic.type === given.arg(1) && (mac === "" || nic.mac.toLowerCase() === mac),
    );
    const [nic, ...more] = fitting;
    if (nic === undefined) throw new VirtError("DEVICE_NOT_FOUND", `guest "${name}" has no such interface`);
    if (more.length > 0) {
      const macs = fitting.map((each) => each.mac).join(", ");
      throw new VirtError(
        "INVALID_FIELD",
        `guest "${name}" has ${fitting.length} such interfaces; say which with --mac: ${macs}`,
      );
    }
    await detach(
      session,
      given,
      { $case: "target", value: nic.mac },
      `Interface '${clean(nic.mac)}' detached`,
    );
  },
};
