import { isDeepStrictEqual } from "node:util";
import { VirtError } from "@virtmesh/core/errors";
import type { Corpus } from "../corpus.ts";
import { questions } from "../../../services/qemu-agent/src/capabilities/questions.ts";
import type { QemuCapabilities } from "../../../services/qemu-agent/src/capabilities/model.ts";
import type { QmpConnection } from "../../../services/qemu-agent/src/qmp/connection.ts";
import type { QmpVersion } from "../../../services/qemu-agent/src/qmp/commands.ts";

/** The recorded conversation with the newest QEMU of that architecture. */
export function latestRecording(corpus: Corpus, arch: string): string {
  const folder = "qemucapabilitiesdata";
  const numbers = (name: string) => (/_([\d.]+)\./.exec(name)?.[1] ?? "").split(".").map(Number);
  const value = (name: string) => numbers(name).reduce((sum, n) => sum * 1000 + n, 0);
  const names = corpus.list(folder, ".replies").filter((name) => name.endsWith(`.${arch}.replies`));
  return corpus.read(folder, names.toSorted((a, b) => value(a) - value(b)).at(-1) ?? "");
}

interface Command {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

interface Exchange {
  readonly command: Command;
  readonly reply: { readonly return?: unknown; readonly error?: { readonly desc: string } };
}

/**
 * What a QEMU can do by its recorded conversation: a file of commands and replies in turn, each a JSON document,
 * with an empty line between them. The agent's own questions are put to it.
 */
export async function capabilitiesOf(recorded: string, binary: string): Promise<QemuCapabilities> {
  const documents = recorded
    .split(/\n\s*\n/)
    .filter((text) => text.trim() !== "")
    .map((text) => JSON.parse(text) as unknown);
  const exchanges: Exchange[] = [];
  for (let i = 0; i + 1 < documents.length; i += 2) {
    exchanges.push({ command: documents[i] as Command, reply: documents[i + 1] as Exchange["reply"] });
  }
  const answers = await questions(
    new Replay(exchanges) as unknown as Pick<QmpConnection, "execute" | "version">,
  );
  return { ...answers, binary, accelerators: new Set(["kvm", "tcg"]) };
}

class Replay {
  private readonly exchanges: readonly Exchange[];

  constructor(exchanges: readonly Exchange[]) {
    this.exchanges = exchanges;
  }

  get version(): QmpVersion {
    return this.answer("query-version") as QmpVersion;
  }

  execute(execute: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    return Promise.resolve(this.answer(execute, args));
  }

  private answer(execute: string, args: Readonly<Record<string, unknown>> = {}): unknown {
    const found = this.exchanges.find(
      ({ command }) => command.execute === execute && isDeepStrictEqual(command.arguments ?? {}, args),
    );
    if (found === undefined) throw new VirtError("UNSUPPORTED", `the recording has no answer to ${execute}`);
    if (found.reply.error !== undefined) throw new VirtError("HYPERVISOR_FAILED", found.reply.error.desc);
    return found.reply.return;
  }
}
