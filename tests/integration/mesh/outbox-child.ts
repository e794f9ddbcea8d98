import { Outbox } from "@virtmesh/agent/outbox/outbox";
import { connectMesh } from "@virtmesh/mesh/connection";
import { lifecycleEvent } from "./support.ts";

/** Appends events until it is killed, and says of each when it was safe. */
async function main(url: string, dir: string): Promise<void> {
  await using mesh = connectMesh({ servers: url, name: "outbox-child" });
  await using outbox = await Outbox.open({ dir, mesh });
  for (let i = 1; ; i++) {
    await outbox.append(lifecycleEvent(i));
    process.stdout.write(`${i}\n`);
  }
}

const [url = "", dir = ""] = process.argv.slice(2);
void main(url, dir);
