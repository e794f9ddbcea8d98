import { run } from "./run.ts";

// A reader that went away (`virtmesh list | head -1`) is no error of ours.
process.stdout.on("error", (e: NodeJS.ErrnoException) => {
  if (e.code === "EPIPE") process.exit(0);
  throw e;
});

process.exitCode = await run(process.argv.slice(2), {
  streams: process,
  env: process.env,
  onInterrupt(listener) {
    process.on("SIGINT", listener);
    process.on("SIGTERM", listener);
    return {
      [Symbol.dispose]: () => {
        process.off("SIGINT", listener);
        process.off("SIGTERM", listener);
      },
    };
  },
});
// Standard input may still be open and would keep us here.
process.exit();
