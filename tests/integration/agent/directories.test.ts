import { join } from "node:path";
import { Child } from "@virtmesh/lab/process";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { tempDir, testAgent } from "./support.ts";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";

describe("an agent whose directories cannot be made", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await makeRunFolder("directories");
  });
  afterEach(() => removeRunFolder(dir));

  // Node's own recursive mkdir never ends below /proc.
  it.each([
    ["--state-dir", "/proc/nowhere"],
    ["--run-dir", "/proc/nowhere/at/all"],
    ["--state-dir", "/dev/null/inside"],
  ])("ends and says which: %s %s", async (flag, path) => {
    const other = flag === "--state-dir" ? "--run-dir" : "--state-dir";
    const program = join(repositoryRoot(), "services/test-agent/src/main.ts");
    await using agent = await Child.start(
      [process.execPath, program, "--listen", "127.0.0.1:0", flag, path, other, join(dir, "other")],
      { name: "the agent" },
    );
    expect(await agent.exited).toEqual({ code: 1, signal: null });
    expect(agent.tail()).toContainEqual(
      expect.stringContaining(`fatal: cannot make the directory ${path}: `),
    );
  });
});

describe("a second agent with the state directory of one that runs", () => {
  it("does not start: it would take up the other's migrations, and overwrite its run tokens", async () => {
    await using dir = await tempDir();
    {
      await using _first = await testAgent("host-a", dir.path);
      await expect(testAgent("host-a", dir.path)).rejects.toMatchObject({
        reason: "HOST_SETUP",
        message: expect.stringContaining("another agent works with it"),
      });
    }
    await using _next = await testAgent("host-a", dir.path);
  });
});
