import type {
  OpenConsoleRequest,
  OpenConsoleResponse,
  TakeScreenshotRequest,
  TakeScreenshotResponse,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import { abortable } from "@virtmesh/kit/grpc-streams";
import type { ServiceContext } from "./context.ts";
import { findDomain } from "./context.ts";

/** Ends when the guest's side ends, or when the client does: like virsh, a client without more to type leaves. */
export async function* openConsole(
  c: ServiceContext,
  requests: AsyncIterable<OpenConsoleRequest>,
  call: Call,
): AsyncGenerator<OpenConsoleResponse, void, undefined> {
  const incoming = requests[Symbol.asyncIterator]();
  const first = await incoming.next();
  if (first.done)
    throw new VirtError("INVALID_FIELD", "the console was not opened: the first message must name the guest");
  const { uri, domain, device, force, data } = first.value;
  c.checkUri(uri);
  const open = need(c.driver, "domains", "openConsole");
  const hangUp = new AbortController();
  const signal = AbortSignal.any([call.signal, hangUp.signal]);
  await using console = await open(findDomain(c, domain).uuid, { device, force }, { ...call, signal });
  const typing = typeInto(console, data, incoming, hangUp);
  try {
    const output = console.output[Symbol.asyncIterator]();
    for (
      let next = await abortable(output.next(), signal);
      !next.done;
      next = await abortable(output.next(), signal)
    ) {
      yield { data: Buffer.from(next.value) };
    }
  } catch (e) {
    // Ended from the client's side, as it should be.
    if (!hangUp.signal.aborted || call.signal.aborted) throw e;
  } finally {
    // Not waited for: a client that does not type holds both up until its call has ended, which comes next.
    leave(incoming, typing);
  }
}

function leave(incoming: AsyncIterator<OpenConsoleRequest>, typing: Promise<void>): void {
  void Promise.allSettled([typing, incoming.return?.()]);
}

/** What the client types, until it has no more; never fails, since what it meets ends the console's output too. */
async function typeInto(
  console: ConsoleStream,
  first: Uint8Array,
  incoming: AsyncIterator<OpenConsoleRequest>,
  hangUp: AbortController,
): Promise<void> {
  try {
    if (first.length > 0) await console.write(first);
    for (let next = await incoming.next(); !next.done; next = await incoming.next()) {
      await console.write(next.value.data);
    }
  } catch (e) {
    hangUp.abort(e);
    return;
  }
  hangUp.abort();
}

export async function* takeScreenshot(
  c: ServiceContext,
  request: TakeScreenshotRequest,
  call: Call,
): AsyncGenerator<TakeScreenshotResponse, void, undefined> {
  const take = need(c.driver, "domains", "screenshot");
  const { uuid } = findDomain(c, request.domain);
  const picture = await take(uuid, request.screen, call);
  yield { mimeType: picture.mimeType, data: Buffer.alloc(0) };
  for await (const data of picture.data) yield { mimeType: "", data: Buffer.from(data) };
}
