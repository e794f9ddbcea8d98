import { execFile } from "node:child_process";
import { VirtError } from "@virtmesh/core/errors";

/** Runs a program of the host to its end, without a shell. @throws HOST_SETUP with what it wrote to stderr. */
export function runTool(
  tool: string,
  args: readonly string[],
  options: { readonly signal?: AbortSignal; readonly input?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const child = execFile(
      tool,
      args,
      { timeout: 10_000, ...(signal ? { signal } : {}) },
      (e, stdout, stderr) => {
        if (e === null) return resolve(stdout);
        const said = stderr.trim() === "" ? e.message : stderr.trim();
        return reject(
          new VirtError("HOST_SETUP", `${tool} ${args.join(" ")} failed: ${said}`, {}, { cause: e }),
        );
      },
    );
    child.stdin?.end(options.input ?? "");
  });
}
