import { execFile } from "node:child_process";
import { VirtError } from "@virtmesh/core/errors";

const TIMEOUT_MS = 10_000;

/** Runs a program of the host to its end, without a shell. @throws HOST_SETUP with what it wrote to stderr. */
export function runTool(
  tool: string,
  args: readonly string[],
  options: { readonly signal?: AbortSignal; readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const child = execFile(
      tool,
      args,
      { timeout: options.timeoutMs ?? TIMEOUT_MS, ...(signal ? { signal } : {}) },
      (e, stdout, stderr) => {
        if (e === null) return resolve(stdout);
        const said = stderr.trim() === "" ? e.message : stderr.trim();
        return reject(
          new VirtError("HOST_SETUP", `${tool} ${args.join(" ")} failed: ${said}`, {}, { cause: e }),
        );
      },
    );
    // One that ends without reading its input has said all it has to say by how it ended.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input);
  });
}
