import { type Driver, need } from "@virtmesh/core/driver/driver";
import { createTestDriver } from "@virtmesh/test-driver/test-driver";
import { driverContract } from "@virtmesh/testkit/contract/contract";
import { unsupportedContract } from "@virtmesh/testkit/contract/unsupported";
import { type DriverKind, inProcess, overGrpc, throughGateway } from "@virtmesh/testkit/subjects";
import { openGateway } from "./gateway.ts";

const guestXml: DriverKind["guestXml"] = async (name, uuid) => `<domain type='test'>
  <name>${name}</name>
  ${uuid === undefined ? "" : `<uuid>${uuid}</uuid>`}
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'><source file='/guest/${name}'/><target dev='vda' bus='virtio'/></disk>
    <serial type='pty'/>
    <video><model type='vga'/></video>
  </devices>
</domain>`;

const test: DriverKind = {
  guestFile: (name) => ({ pool: "default-pool", volume: `${name}.xml`, path: `/default-pool/${name}.xml` }),
  name: "test",
  createDriver: () => createTestDriver(),
  guestXml,
  guestsReact: true,
  diskXml: async (target) =>
    `<disk type='file'><source file='/guest/${target}'/><target dev='${target}' bus='virtio'/></disk>`,
};

driverContract(inProcess(test));
driverContract(overGrpc(test));
driverContract(throughGateway(test, openGateway));

/** The least that is a driver: everything optional is absent, and says so. */
function bareDriver(): Driver {
  const whole = createTestDriver();
  const { domains } = whole;
  return {
    name: "test",
    serves: whole.serves,
    host: { info: () => whole.host.info() },
    domains: {
      list: () => domains.list(),
      find: (ref) => domains.find(ref),
      stats: (uuids) => domains.stats(uuids),
      subscribe: (listener) => domains.subscribe(listener),
      parse: (xml) => domains.parse(xml),
      xml: (uuid, form, c) => domains.xml(uuid, form, c),
      define: (parsed, c) => domains.define(parsed, c),
      undefine: (uuid, c) => domains.undefine(uuid, c),
      create: need(whole, "domains", "create"),
      start: (uuid, options, c) => domains.start(uuid, options, c),
      destroy: (uuid, c) => domains.destroy(uuid, c),
    },
    [Symbol.asyncDispose]: () => whole[Symbol.asyncDispose](),
  };
}

const bare: DriverKind = { ...test, name: "a bare driver", createDriver: bareDriver };

unsupportedContract(inProcess(bare));
unsupportedContract(overGrpc(bare));
unsupportedContract(throughGateway(bare, openGateway));
