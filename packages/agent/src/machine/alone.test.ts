import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beAlone } from "./alone.ts";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "virtmesh-alone-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("an agent's state directory", () => {
  it("has one agent at a time, whatever name it is given by", async () => {
    const other = join(dir, "other-name");
    await symlink(dir, other);
    {
      await using _first = await beAlone(dir);
      await expect(beAlone(other)).rejects.toMatchObject({
        reason: "HOST_SETUP",
        message: expect.stringContaining("another agent works with it"),
      });
    }
    await using _second = await beAlone(other);
  });

  it("is free again when its agent was killed", async () => {
    const hold = "import(process.argv[1]).then((m) => m.beAlone(process.argv[2])).then(() => console.log(0))";
    const module = join(import.meta.dirname, "alone.ts");
    const agent = spawn(process.execPath, ["-e", hold, module, dir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(agent.stdout, "data");
    await expect(beAlone(dir)).rejects.toMatchObject({ reason: "HOST_SETUP" });
    agent.kill("SIGKILL");
    await once(agent, "exit");
    await using _next = await beAlone(dir);
  });
});
