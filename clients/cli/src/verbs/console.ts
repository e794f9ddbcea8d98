import type { Readable } from "node:stream";
import { DomainServiceService as domains, OpenConsoleRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { clean } from "../output/table.ts";
import { resolveTarget, type Session } from "../session.ts";
import type { Streams } from "../terminal.ts";
import { DOMAIN_ARGUMENT, type Verb } from "../verb.ts";

/** Ctrl-], as in telnet and virsh. */
const ESCAPE = 0x1d;

/** What is typed, up to the escape character; `leave` is called when it comes. */
export async function* typed(stdin: Readable, leave: () => void): AsyncGenerator<Buffer, void> {
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    const at = bytes.indexOf(ESCAPE);
    if (at !== 0) yield at < 0 ? bytes : bytes.subarray(0, at);
    if (at >= 0) return leave();
  }
}

/** The terminal hands every key through, and is as it was afterwards. */
function rawMode(stdin: Streams["stdin"]): Disposable {
  stdin.setRawMode?.(true);
  return {
    [Symbol.dispose]: () => {
      stdin.setRawMode?.(false);
      stdin.pause();
    },
  };
}

async function* requests(
  session: Session,
  first: OpenConsoleRequest,
  leave: () => void,
): AsyncGenerator<OpenConsoleRequest, void> {
  yield first;
  for await (const data of typed(session.terminal.streams.stdin, leave))
    yield OpenConsoleRequest.fromPartial({ data });
}

export const consoleVerb: Verb = {
  name: "console",
  group: "Devices and screens",
  summary: "the serial console of a guest; Ctrl-] leaves it",
  args: [DOMAIN_ARGUMENT],
  options: [
    { flags: "--force", help: "take the console over from whoever has it" },
    { flags: "--devname <device>", help: "which console; the first serial one unless given" },
  ],
  notes: "Without a terminal, standard input is typed into the guest and the command ends when it ends.",
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const { stdin, stdout, stderr } = session.terminal.streams;
    const first = OpenConsoleRequest.fromPartial({
      ...target,
      device: given.text("devname"),
      force: given.flag("force"),
    });
    const left = new AbortController();
    const signal = AbortSignal.any([session.signal, left.signal]);
    if (stdin.isTTY === true && !session.globals.quiet) {
      stderr.write(`Connected to domain '${clean(given.arg(0))}'\nEscape character is ^] (Ctrl + ])\n`);
    }
    using _raw = rawMode(stdin);
    try {
      for await (const message of session.rpc.duplex(
        domains.openConsole,
        requests(session, first, () => left.abort()),
        signal,
      )) {
        stdout.write(message.data);
      }
    } catch (e) {
      if (!left.signal.aborted) throw e;
    }
    if (stdin.isTTY === true && !session.globals.quiet) stderr.write("\r\n");
  },
};
