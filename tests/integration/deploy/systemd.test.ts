import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@virtmesh/lab/process";

const UNITS = "deploy/systemd";

describe("the systemd units", () => {
  it("are understood by systemd, down to the last option", async () => {
    const folder = await mkdtemp(join(tmpdir(), "virtmesh-units-"));
    const names = await readdir(UNITS);
    for (const name of names) {
      const text = await readFile(join(UNITS, name), "utf8");
      // systemd looks whether the program is there.
      await writeFile(join(folder, name), text.replaceAll("/opt/virtmesh/", `${process.cwd()}/`));
    }
    const files = names.map((name) => `./${name}`);
    const { stderr } = await run(["systemd-analyze", "verify", "--recursive-errors=no", ...files], {
      cwd: folder,
    });
    expect(stderr).toBe("");
    await rm(folder, { recursive: true });
  }, 60_000);

  it.each(
    ["gateway", "qemu-agent", "lxc-agent", "xen-agent", "hyperv-agent", "esx-agent", "test-agent"].map(
      (name) => `virtmesh-${name}.service`,
    ),
  )("start a program that is there: %s", async (name) => {
    const text = await readFile(join(UNITS, name), "utf8");
    const program = /\/opt\/virtmesh\/(services\/\S+)/.exec(text)?.[1] ?? "";
    expect(await readFile(program, "utf8")).not.toBe("");
  });

  it.each(["qemu", "lxc", "xen"])("leave guests alone when the agent of %s stops", async (kind) => {
    const text = await readFile(join(UNITS, `virtmesh-${kind}-agent.service`), "utf8");
    expect(text).toContain("KillMode=process\n");
    expect(text).toContain("RuntimeDirectoryPreserve=yes\n");
  });
});
