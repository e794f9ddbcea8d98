import { X509Certificate } from "node:crypto";
import { seedFrom } from "@virtmesh/hyperv-simulator/host/seed";
import type { SettingsPatch } from "@virtmesh/hyperv-simulator/host/settings";
import { type Simulator, startSimulator } from "@virtmesh/hyperv-simulator/server";
import { reasonOf } from "@virtmesh/hyperv-agent/faults";
import { EVERYTHING, MsvmSession, systemReference } from "@virtmesh/hyperv-agent/msvm/session";
import { WsmanClient } from "@virtmesh/hyperv-agent/wsman/client";
import type { Credentials } from "@virtmesh/hyperv-agent/wsman/connection";
import type { Endpoint } from "@virtmesh/hyperv-agent/wsman/http";
import { wmiUri } from "@virtmesh/hyperv-agent/wsman/namespaces";
import { pinned } from "@virtmesh/hyperv-agent/wsman/pinned-certificate";
import { Subscription } from "@virtmesh/hyperv-agent/wsman/subscription";
import { type HypervSimulator, startHypervSimulator } from "@virtmesh/lab/hyperv-simulator";

jest.setTimeout(120_000);

const { signal } = new AbortController();
const LOGIN = { user: "Administrator", password: "Secret-1" };
const BASIC: Credentials = { scheme: "basic", ...LOGIN };
const NTLM: Credentials = { scheme: "negotiate", ...LOGIN };
const WEB = "A1B2C3D4-0001-4000-8000-000000000001";
const GUESTS = [
  { name: "web-1", id: WEB, state: "running" as const },
  ...Array.from({ length: 12 }, (_, i) => ({ name: `guest-${i}`, state: "off" as const })),
];
const DRIVE = { resourceUri: wmiUri("root/cimv2", "Win32_LogicalDisk"), selectors: { DeviceID: "C:" } };
const CHANGES =
  "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Msvm_ComputerSystem' AND TargetInstance.EnabledState <> PreviousInstance.EnabledState";

async function start(settings: SettingsPatch = {}, allowUnencrypted = true): Promise<Simulator> {
  const seed = seedFrom({ guests: GUESTS });
  return await startSimulator({
    ...{ seed, settings, credentials: LOGIN, address: "127.0.0.1", port: 0, allowUnencrypted },
  });
}

function clientOf({ port }: Simulator, credentials = BASIC): WsmanClient {
  return new WsmanClient({ host: "127.0.0.1", port, tls: false }, credentials);
}

async function names(client: WsmanClient): Promise<number> {
  return (await new MsvmSession(client).query("Msvm_ComputerSystem", { signal })).length;
}

describe("WS-Management", () => {
  it("says what the server is", async () => {
    await using host = await start();
    using client = clientOf(host);
    expect(await client.identify({ signal })).toMatchObject({ vendor: "Microsoft Corporation" });
  });

  it.each([1, 5, 32_000])(
    "finds everything, though the server gives %d at a time",
    async (maxItemsPerPull) => {
      await using host = await start({ quotas: { maxItemsPerPull } });
      using client = clientOf(host);
      expect(await names(client)).toBe(GUESTS.length + 1);
    },
  );

  it("gives up an enumeration that nobody reads on", async () => {
    await using host = await start({ quotas: { maxItemsPerPull: 1 } });
    using client = clientOf(host);
    const released = host.host.begins("Release");
    for await (const _ of client.query(EVERYTHING, "SELECT * FROM Msvm_ComputerSystem", { signal })) break;
    await released;
  });

  it("gets one by its keys, and says so when there is none", async () => {
    await using host = await start();
    using client = clientOf(host);
    const session = new MsvmSession(client);
    const get = (name: string) => session.get("Msvm_ComputerSystem", systemReference(name), { signal });
    expect(await get(WEB)).toMatchObject({ ElementName: "web-1", EnabledState: 2 });
    await expect(get(crypto.randomUUID())).rejects.toMatchObject({ name: "WsmanFault" });
  });

  it("writes one by its keys, which is told and stays", async () => {
    await using host = await start();
    using client = clientOf(host, NTLM);
    const session = new MsvmSession(client);
    const written = await session.put(
      "Win32_LogicalDisk",
      DRIVE,
      { VolumeName: "Guests & <more>" },
      { signal },
    );
    expect(written).toMatchObject({ DeviceID: "C:", VolumeName: "Guests & <more>", FileSystem: "NTFS" });
    expect(await session.get("Win32_LogicalDisk", DRIVE, { signal })).toEqual(written);
  });

  it.each([
    ["something of Hyper-V's own", "Msvm_ComputerSystem", WEB, { ElementName: "x" }, "UNSUPPORTED"],
    ["a guest that there is none of", "Msvm_ComputerSystem", crypto.randomUUID(), {}, "NOT_FOUND"],
    ["something read-only", "Win32_LogicalDisk", "", { Size: 1 }, "CONFIG_UNSUPPORTED"],
  ] as const)("is told that it cannot write %s", async (_, className, guest, properties, reason) => {
    await using host = await start();
    using client = clientOf(host);
    const reference = guest === "" ? DRIVE : systemReference(guest);
    const refused = await client.put(reference, className, properties, { signal }).catch((e: unknown) => e);
    expect(reasonOf(refused)).toBe(reason);
  });

  it("has one request at a time on each connection, and only a few connections", async () => {
    await using host = await start({}, false);
    using client = clientOf(host, NTLM);
    const asked = Array.from({ length: 20 }, () => names(client));
    expect(new Set(await Promise.all(asked))).toEqual(new Set([GUESTS.length + 1]));
  });

  it("waits at the host for events, also when it says in between that there are none", async () => {
    await using host = await start({ quotas: { operationTimeoutMs: 50 } });
    using client = clientOf(host);
    await using subscription = await Subscription.open(client, EVERYTHING, CHANGES, { signal });
    const waiting = subscription.next(signal);
    host.host.control("web-1", "off");
    const [event] = (await waiting) ?? [];
    expect(event?.className).toBe("__InstanceModificationEvent");
    expect(event?.properties.get("TargetInstance")).toEqual([
      expect.objectContaining({ className: "Msvm_ComputerSystem" }),
    ]);
  });

  it("ends a subscription at the host too", async () => {
    await using host = await start();
    using client = clientOf(host);
    const unsubscribed = host.host.begins("Unsubscribe");
    await (await Subscription.open(client, EVERYTHING, CHANGES, { signal }))[Symbol.asyncDispose]();
    await unsubscribed;
  });

  it("does not wait longer than its caller does", async () => {
    await using host = await start();
    using client = clientOf(host);
    await using subscription = await Subscription.open(client, EVERYTHING, CHANGES, { signal });
    const abort = new AbortController();
    const waiting = subscription.next(abort.signal);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });
});

describe("a login", () => {
  it("by NTLM seals everything where there is no TLS, and lasts as long as its connection", async () => {
    await using host = await start({}, false);
    using client = clientOf(host, NTLM);
    expect(await names(client)).toBe(GUESTS.length + 1);
    host.host.change({ disturbances: [{ operation: "Enumerate", does: "unauthorized", times: 1 }] });
    expect(await names(client)).toBe(GUESTS.length + 1);
    await using subscription = await Subscription.open(client, EVERYTHING, CHANGES, { signal });
    const waiting = subscription.next(signal);
    host.host.control("web-1", "off");
    expect(await waiting).toHaveLength(1);
  });

  it.each([
    ["basic", BASIC],
    ["negotiate", NTLM],
  ] as const)("with a wrong password is refused (%s)", async (_, credentials) => {
    await using host = await start();
    using client = clientOf(host, { ...credentials, password: "wrong" });
    await expect(names(client)).rejects.toMatchObject({
      name: "WsmanLoginError",
      message: expect.stringContaining("password"),
    });
  });

  it("by Basic is not let in where nothing hides what is sent", async () => {
    await using host = await start({}, false);
    using client = clientOf(host, BASIC);
    await expect(names(client)).rejects.toThrow();
  });

  it("that breaks in the middle of an answer is a connection that broke", async () => {
    await using host = await start({ disturbances: [{ operation: "Enumerate", does: "drop after" }] }, false);
    using client = clientOf(host, NTLM);
    await expect(names(client)).rejects.toMatchObject({ name: "WsmanConnectionError" });
  });
});

describe("TLS", () => {
  let host: HypervSimulator;
  let endpoint: Endpoint;
  beforeAll(async () => {
    host = await startHypervSimulator({ transport: "tls" });
    endpoint = { host: host.host, port: host.port, tls: true };
  }, 590_000);
  afterAll(async () => host?.[Symbol.asyncDispose]());

  const open = (at: Endpoint, scheme: Credentials["scheme"]): WsmanClient =>
    new WsmanClient(at, { scheme, user: host.user, password: host.password });

  it.each(["basic", "negotiate"] as const)("carries every login (%s)", async (scheme) => {
    using client = open({ ...endpoint, ca: host.ca }, scheme);
    expect(await names(client)).toBe(3);
    expect(await names(client)).toBe(3);
  });

  it("is trusted by an authority that one knows, and by no other", async () => {
    using client = open(endpoint, "basic");
    await expect(names(client)).rejects.toMatchObject({ name: "WsmanCertificateError" });
  });

  it("is trusted by the fingerprint of its certificate, and by no other", async () => {
    const fingerprint = new X509Certificate(host.ca).fingerprint256.replaceAll(":", "").toLowerCase();
    using client = open(await pinned(endpoint, fingerprint, signal), "negotiate");
    expect(await names(client)).toBe(3);
    await expect(pinned(endpoint, "00".repeat(32), signal)).rejects.toThrow(fingerprint);
  });
});
