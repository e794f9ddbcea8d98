import { nonEmpty, oneOf, text } from "../schema/kinds.ts";
import {
  attribute,
  attributeOnly,
  child,
  listChild,
  maybe,
  optional,
  repeated,
  textChild,
} from "../schema/parts.ts";
import { element } from "../schema/schema.ts";

const BASE = "http://libvirt.org/schemas/domain";

function namespace(prefix: string) {
  return (local: string) => ({ local, uri: `${BASE}/${prefix}/1.0`, prefix });
}

const qemu = namespace("qemu");
const lxc = namespace("lxc");
const bhyve = namespace("bhyve");
const xen = namespace("xen");
const vmware = namespace("vmware");

const overrideProperty = element({
  name: attribute("name", nonEmpty),
  type: attribute("type", oneOf("string", "signed", "unsigned", "bool", "remove")),
  value: maybe("value", text),
});

const sharedNamespace = element({
  type: attribute("type", oneOf("netns", "name", "pid")),
  value: attribute("value", nonEmpty),
});

/** What only one hypervisor understands, in its own namespace; none of it is checked. */
export const hypervisorElements = {
  qemuCommandline: optional(
    child(
      qemu("commandline"),
      element({
        args: repeated(qemu("arg"), element({ value: attribute("value", text) })),
        env: repeated(
          qemu("env"),
          element({ name: attribute("name", nonEmpty), value: maybe("value", text) }),
        ),
      }),
    ),
  ),
  qemuCapabilities: optional(
    child(
      qemu("capabilities"),
      element({
        add: repeated(qemu("add"), attributeOnly("capability", nonEmpty)),
        del: repeated(qemu("del"), attributeOnly("capability", nonEmpty)),
      }),
    ),
  ),
  qemuOverride: optional(
    listChild(
      qemu("override"),
      qemu("device"),
      element({
        alias: attribute("alias", nonEmpty),
        frontend: optional(listChild(qemu("frontend"), qemu("property"), overrideProperty)),
      }),
    ),
  ),
  qemuDeprecation: optional(
    child(qemu("deprecation"), attributeOnly("behavior", oneOf("none", "omit", "reject", "crash"))),
  ),
  /** Namespaces of Linux that a container shares with others. */
  lxcNamespace: optional(
    child(
      lxc("namespace"),
      element({
        sharenet: optional(child(lxc("sharenet"), sharedNamespace)),
        shareipc: optional(child(lxc("shareipc"), sharedNamespace)),
        shareuts: optional(child(lxc("shareuts"), sharedNamespace)),
      }),
    ),
  ),
  bhyveCommandline: optional(
    child(
      bhyve("commandline"),
      element({
        args: repeated(bhyve("arg"), element({ value: attribute("value", text) })),
        env: repeated(
          bhyve("env"),
          element({ name: attribute("name", nonEmpty), value: maybe("value", text) }),
        ),
      }),
    ),
  ),
  xenCommandline: optional(
    child(
      xen("commandline"),
      element({ args: repeated(xen("arg"), element({ value: attribute("value", text) })) }),
    ),
  ),
  /** Where in a vCenter the guest is: `folder/datacenter`. */
  vmwareDatacenterpath: optional(textChild(vmware("datacenterpath"), nonEmpty)),
  vmwareMoref: optional(textChild(vmware("moref"), nonEmpty)),
} as const;
