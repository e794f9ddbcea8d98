import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import { capabilitiesOf } from "./parameters.ts";

const { plan } = sampleOffer();

function preempt(versions: readonly [string, string], postcopy = true): boolean | undefined {
  const wanted = postcopy ? { ...plan, postcopy: { afterPasses: 0 } } : plan;
  const all = capabilitiesOf(wanted, "source", versions);
  return all.find(({ capability }) => capability === "postcopy-preempt")?.state;
}

describe("letting awaited pages of a post-copy overtake the others", () => {
  it("is asked of two QEMUs that open the connection for it when memory flows already", () => {
    expect(preempt(["8.0.2", "9.1.0"])).toBe(true);
    expect(preempt(["10.0.0", "10.0.0"])).toBe(true);
  });

  it.each<[string, string]>([
    ["7.2.22", "7.2.22"],
    ["8.2.0", "7.2.22"],
    ["7.0.0", "8.2.0"],
  ])("is not asked of %s and %s, which may wait for each other for ever or not know it", (a, b) => {
    expect(preempt([a, b])).toBeUndefined();
  });

  it("is not asked without post-copy", () => {
    expect(preempt(["8.0.2", "9.1.0"], false)).toBe(false);
  });
});
