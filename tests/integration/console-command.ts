import { randomUUID } from "node:crypto";
import { DomainServiceService as D, type OpenConsoleRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { bidiCall } from "@virtmesh/kit/grpc-client";
import type { RunningMesh } from "@virtmesh/lab/mesh";

const PATIENCE_MS = 90_000;

/** Types a command on the console of a guest whose shell is there, and reads what it says up to its end. */
export async function runOnConsole(
  mesh: RunningMesh,
  uri: string,
  domain: string,
  command: string,
  patienceMs = PATIENCE_MS,
): Promise<string> {
  const marker = `end-${randomUUID().slice(0, 8)}`;
  const over = new AbortController();
  const typed = async function* (): AsyncGenerator<OpenConsoleRequest> {
    yield { uri, domain, device: "", force: true, data: Buffer.alloc(0) };
    // What the shell echoes must not look like what the command says.
    yield {
      uri: "",
      domain: "",
      device: "",
      force: false,
      data: Buffer.from(`\n${command}\necho ${marker.slice(0, 3)}""${marker.slice(3)}\n`),
    };
    await new Promise<void>((resolve) =>
      over.signal.addEventListener("abort", () => resolve(), { once: true }),
    );
  };
  let said = "";
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(patienceMs)]);
  try {
    for await (const { data } of bidiCall(mesh.channel, D.openConsole, typed(), { signal })) {
      said += Buffer.from(data).toString("utf8");
      if (said.includes(marker)) return said.replaceAll("\r", "");
    }
  } finally {
    over.abort();
  }
  throw new Error(`the console ended: ${said}`);
}
