import type { DomainDefinition } from "./model.ts";
import { parseDomain } from "./document.ts";
import { withMaxMemory, withMaxVcpus, withMemory, withVcpus } from "./sizes.ts";

const guest = (memory: string, vcpu: string): DomainDefinition =>
  parseDomain(`<domain type='test'><name>web</name>${memory}${vcpu}<os><type>hvm</type></os></domain>`);
const WHOLE = guest("<memory unit='b'>4096</memory>", "<vcpu>4</vcpu>");

describe("the sizes of a guest", () => {
  it.each([
    ["memory that it has", withMemory(WHOLE, 1024n), [4096n, 1024n, 4, undefined]],
    ["CPUs that it has", withVcpus(WHOLE, 2), [4096n, undefined, 4, 2]],
    ["more memory at most: it has what it had", withMaxMemory(WHOLE, 8192n), [8192n, 4096n, 4, undefined]],
    [
      "less memory at most: it has no more than that",
      withMaxMemory(WHOLE, 1024n),
      [1024n, 1024n, 4, undefined],
    ],
    ["more CPUs at most: it has those it had", withMaxVcpus(WHOLE, 8), [4096n, undefined, 8, 4]],
    [
      "fewer CPUs at most: it has no more than those",
      withMaxVcpus(withVcpus(WHOLE, 3), 2),
      [4096n, undefined, 2, 2],
    ],
  ])("change: %s", (_, { memory, currentMemory, vcpu }, sizes) => {
    expect([memory.bytes, currentMemory?.bytes, vcpu.count, vcpu.current]).toEqual(sizes);
  });

  it("are refused beyond what it can have, in the words of its hypervisor", () => {
    expect(() => withMemory(WHOLE, 4097n)).toThrow(
      'memory_bytes is more than the 4096 bytes that guest "web" can have at most',
    );
    expect(() => withVcpus(WHOLE, 5, "container")).toThrow(
      'vcpus is more than the 4 CPUs that container "web" can have at most',
    );
  });
});
