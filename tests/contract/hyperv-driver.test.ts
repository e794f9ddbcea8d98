import { createHypervDriver } from "@virtmesh/hyperv-agent/driver";
import { DEFAULT_SEED } from "@virtmesh/hyperv-simulator/host/seed";
import { type Simulator, startSimulator } from "@virtmesh/hyperv-simulator/server";
import { driverContract } from "@virtmesh/testkit/contract/contract";
import { type DriverKind, inProcess, overGrpc, throughGateway } from "@virtmesh/testkit/subjects";
import { openGateway } from "./gateway.ts";

jest.setTimeout(120_000);

const { signal } = new AbortController();
const LOGIN = { user: "Administrator", password: "Secret-1" };
let host: Simulator;
beforeAll(async () => {
  host = await startSimulator({
    ...{ address: "127.0.0.1", port: 0, allowUnencrypted: true },
    ...{ credentials: LOGIN, seed: { ...DEFAULT_SEED, guests: [] } },
  });
});
afterAll(async () => host?.[Symbol.asyncDispose]());

/** Guests of a simulated Hyper-V host, with a BIOS and disks on SCSI. */
const hyperv: DriverKind = {
  name: "hyperv",
  guestsReact: true,
  disks: { bus: "scsi", first: "sda", second: "sdb" },
  createDriver: ({ logger, stateDir }) =>
    createHypervDriver({
      endpoint: { host: "127.0.0.1", port: host.port, tls: false },
      credentials: { scheme: "basic", ...LOGIN },
      ...{ logger, signal, stateDir },
    }),
  volumeSuffix: ".vhdx",
  diskXml: async (target) => diskXml(target),
  newPath: (name) => `D:\\moved\\${name}-${crypto.randomUUID()}.vhdx`,
  guestXml: async (name, uuid) => `<domain type='hyperv'>
    <name>${name}</name>
    ${uuid === undefined ? "" : `<uuid>${uuid}</uuid>`}
    <memory unit='MiB'>64</memory>
    <os><type>hvm</type></os>
    <devices>${diskXml("sda")}</devices>
  </domain>`,
};

function diskXml(target: string): string {
  return `<disk type='file'><source file='C:\\disks\\${crypto.randomUUID()}.vhdx'/><target dev='${target}' bus='scsi'/></disk>`;
}

driverContract(inProcess(hyperv));
driverContract(overGrpc(hyperv));
driverContract(throughGateway(hyperv, openGateway));
