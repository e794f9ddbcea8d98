import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const LOOK_AGAIN_MS = 1;

/** A SIGSTOP was sent: resolves when every thread of the process stands still. The kernel tells only who asks. */
export async function untilStopped(pid: number): Promise<void> {
  for (;;) {
    const threads = await readdir(`/proc/${pid}/task`);
    const states = await Promise.all(
      threads.map(async (thread) => {
        const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, "utf8").catch(() => "");
        return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
      }),
    );
    // A thread that has ended meanwhile has no state.
    if (states.every((state) => "T".startsWith(state))) return;
    await delay(LOOK_AGAIN_MS);
  }
}
