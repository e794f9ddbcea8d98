import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  AttachDeviceRequest,
  DetachDeviceRequest,
  DeviceServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/device";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { unaryCall } from "@virtmesh/kit/grpc-client";
import { fromRpcStatus } from "@virtmesh/kit/status";
import { guestXml, tempDir, type TestAgent, testAgent } from "./support.ts";

jest.setTimeout(120_000);

const UUID = "0a0a0a0a-0000-4000-8000-000000000002";

/** A guest with one disk, and with faults. */
function faultyXml(faults: string): string {
  const metadata = `<metadata><test:faults xmlns:test="https://virtmesh.dev/test/1">${faults}</test:faults></metadata>`;
  return guestXml("web", UUID)
    .replace("<memory", `${metadata}<memory`)
    .replace("<devices/>", "<devices><disk><source file='/a'/><target dev='vda'/></disk></devices>");
}

function detach({ channel, uri }: TestAgent, more: Partial<DetachDeviceRequest> = {}): Promise<Operation> {
  const request = DetachDeviceRequest.fromPartial({
    ...{ uri, domain: "web" },
    ...more,
    device: { $case: "target", value: "vda" },
  });
  return unaryCall(channel, DeviceServiceService.detachDevice, request, {
    signal: AbortSignal.timeout(60_000),
  });
}

async function endOf(a: TestAgent, { name }: Operation): Promise<unknown> {
  const { result } = await a.client.wait(name);
  return result?.$case === "error" ? fromRpcStatus(result.value) : result;
}

describe("a device that a guest does not let go of", () => {
  const deaf = faultyXml(`<test:ignore method="detachDevice"/>`);

  it("stays, and the operation says that time was up", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.create(deaf);
    const asked = await detach(a, { timeout: { seconds: 0n, nanos: 20_000_000 } });
    expect(await endOf(a, asked)).toMatchObject({ reason: "DEADLINE" });
    expect((await a.client.get("web")).disks).toHaveLength(1);
  });

  it("holds up neither who reads nor who ends the guest at once", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.define(deaf);
    await a.client.start("web");
    const asked = await detach(a);
    expect((await a.client.get("web")).currentOperation).toBe(asked.name);
    expect(await a.client.destroy("web")).toMatchObject({ id: 0 });
    expect(await endOf(a, asked)).toMatchObject({
      reason: expect.stringMatching(/CANCELLED|DOMAIN_NOT_RUNNING/),
    });
    expect((await a.client.get("web")).disks).toHaveLength(1);
  });

  it("is waited for no longer when somebody cancels", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.create(deaf);
    const asked = await detach(a);
    await unaryCall(
      a.channel,
      OperationServiceService.cancelOperation,
      { uri: a.uri, name: asked.name },
      { signal: AbortSignal.timeout(60_000) },
    );
    expect(await endOf(a, asked)).toMatchObject({ reason: "CANCELLED" });
    expect((await a.client.get("web")).currentOperation).toBe("");
  });

  it("is refused with the guest's own no", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.create(
      faultyXml(`<test:fail method="detachDevice" reason="GUEST_REFUSED" message="vda is mounted"/>`),
    );
    expect(await endOf(a, await detach(a))).toMatchObject({
      reason: "GUEST_REFUSED",
      message: "vda is mounted",
    });
  });
});

describe("a change that takes its time", () => {
  it("is the same operation when it is asked for again", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.create(faultyXml(""));
    const one = await detach(a, { requestId: "once" });
    expect(await detach(a, { requestId: "once" })).toEqual(one);
    expect(await endOf(a, one)).toMatchObject({ $case: "response" });
  });

  it("waits for its turn behind others", async () => {
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path);
    await a.client.create(faultyXml(`<test:delay method="attachDevice" ms="30"/>`));
    const attach = (target: string): Promise<Operation> => {
      const xml = `<disk><source file='/${target}'/><target dev='${target}'/></disk>`;
      const request = AttachDeviceRequest.fromPartial({ uri: a.uri, domain: "web", xml });
      return unaryCall(a.channel, DeviceServiceService.attachDevice, request, {
        signal: AbortSignal.timeout(60_000),
      });
    };
    const asked = [await attach("vdb"), await attach("vdc"), await detach(a)];
    for (const each of asked) expect(await endOf(a, each)).toMatchObject({ $case: "response" });
    expect((await a.client.get("web")).disks.map((d) => d.target)).toEqual(["vdb", "vdc"]);
  });
});
