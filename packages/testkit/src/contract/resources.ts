import {
  ResourceServiceService as R,
  SetMaxMemoryRequest,
  SetMemoryRequest,
  SetVcpusRequest,
} from "@virtmesh/api/gen/virtmesh/v1/resource";
import { freshName, Guests } from "./guests.ts";
import { change } from "./long-work.ts";
import { needing, sharedSubject, type SubjectKind } from "./subject.ts";

const MIB = 1n << 20n;

/** Memory and CPUs in the definition; what a running guest gives and takes is between it and its hypervisor. */
export function resourceContract(kind: SubjectKind): void {
  describe(`memory and CPUs (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));
    const about = () => ({ uri: subject().uri, domain: name, config: true });

    needs("resources.setMemory")("are set for the next start, up to the most there can be", async () => {
      const { maxMemoryBytes } = await guests.get(name);
      const half = maxMemoryBytes / 2n;
      const set = (memoryBytes: bigint) =>
        change(subject(), R.setMemory, SetMemoryRequest.fromPartial({ ...about(), memoryBytes }));
      expect(await set(half)).toMatchObject({ memoryBytes: half, maxMemoryBytes });
      await expect(set(maxMemoryBytes + MIB)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
      expect(await guests.get(name)).toMatchObject({ memoryBytes: half });
    });

    needs("resources.setMaxMemory")(
      "have a maximum that can be set, and that memory follows down",
      async () => {
        const set = (maxMemoryBytes: bigint) =>
          change(subject(), R.setMaxMemory, SetMaxMemoryRequest.fromPartial({ ...about(), maxMemoryBytes }));
        expect(await set(128n * MIB)).toMatchObject({ maxMemoryBytes: 128n * MIB });
        expect(await set(16n * MIB)).toMatchObject({ maxMemoryBytes: 16n * MIB, memoryBytes: 16n * MIB });
      },
    );

    needs("resources.setVcpus", "resources.setMaxVcpus")(
      "count CPUs, up to the most there can be",
      async () => {
        const set = (vcpus: number, maximum = false) =>
          change(subject(), R.setVcpus, SetVcpusRequest.fromPartial({ ...about(), vcpus, maximum }));
        await set(4, true);
        expect(await set(3)).toMatchObject({ vcpus: 3 });
        await expect(set(5)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
        expect(await set(2, true)).toMatchObject({ vcpus: 2 });
      },
    );

    needs("resources.setMemory")("of nothing at all are refused at once", async () => {
      const none = SetMemoryRequest.fromPartial({ ...about(), memoryBytes: 0n });
      await expect(subject().client.unary(R.setMemory, none)).rejects.toMatchObject({
        reason: "INVALID_FIELD",
      });
    });
  });
}
