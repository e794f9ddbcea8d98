import type { QmpConnection } from "../qmp/connection.ts";
import { QmpError } from "../qmp/errors.ts";
import { limitCopies } from "./limit-copies.ts";

const never = new AbortController().signal;

/** A QEMU whose jobs are in the states given, a list for each time it is asked; it limits no job called `stuck`. */
function qemu(...answers: readonly Readonly<Record<string, string>>[]) {
  const limited: unknown[] = [];
  let asked = 0;
  const execute = async (command: string, args: unknown): Promise<unknown> => {
    if (command === "query-jobs") {
      const states = answers[Math.min(asked, answers.length - 1)] ?? {};
      asked += 1;
      return Object.entries(states).map(([id, status]) => ({ id, status }));
    }
    if (JSON.stringify(args).includes("stuck"))
      throw new QmpError(
        "refused",
        command,
        "Job 'stuck' cannot accept command verb 'set-speed'",
        "GenericError",
      );
    limited.push(args);
    return {};
  };
  return { qmp: { execute } as unknown as QmpConnection, limited };
}

describe("limiting the copies of a migration", () => {
  it("leaves out those that have ended or are somebody else's", async () => {
    const { qmp, limited } = qemu({ a: "running", b: "concluded", other: "running" });
    await limitCopies(qmp, ["a", "b"], 5n, never);
    expect(limited).toEqual([{ device: "a", speed: 5 }]);
  });

  it("takes no notice of a refusal when the copy has ended meanwhile", async () => {
    const { qmp, limited } = qemu({ stuck: "ready", b: "ready" }, { stuck: "concluded", b: "ready" });
    await limitCopies(qmp, ["stuck", "b"], 0n, never);
    expect(limited).toEqual([{ device: "b", speed: 0 }]);
  });

  it("tells of a refusal while the copy goes on", async () => {
    const { qmp } = qemu({ stuck: "running" });
    await expect(limitCopies(qmp, ["stuck"], 1n, never)).rejects.toThrow("cannot accept command verb");
  });
});
