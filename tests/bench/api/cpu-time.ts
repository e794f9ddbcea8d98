import { readdir, readFile } from "node:fs/promises";

/** CPU time that all threads of these processes have used, in milliseconds (proc(5), schedstat). */
export async function cpuTime(pids: readonly number[]): Promise<number> {
  let total = 0;
  for (const pid of pids) {
    for (const thread of await readdir(`/proc/${pid}/task`)) {
      const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
      total += Number(text.split(" ")[0]) / 1e6;
    }
  }
  return total;
}
