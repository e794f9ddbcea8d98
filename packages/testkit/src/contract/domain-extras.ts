import {
  DomainServiceService,
  DomainState,
  type OpenConsoleRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { freshName, Guests } from "./guests.ts";
import { needing, sharedSubject, type SubjectKind } from "./subject.ts";

const D = DomainServiceService;

/** What a driver may have beyond the mandatory: each test only where it has it. */
export function domainExtrasContract(kind: SubjectKind): void {
  describe(`more that guests can do (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
      await guests.start(name);
    });
    afterEach(async () => guests.remove(name));

    needs("domains.suspend", "domains.resume")("be resumed and suspended, any number of times", async () => {
      const { client, uri } = subject();
      const request = { uri, requestId: "", domain: name };
      if (!guests.startsPaused) await client.unary(D.suspendDomain, request);
      const RUNNING = { state: DomainState.DOMAIN_STATE_RUNNING, stateReason: "unpaused" };
      const PAUSED = { state: DomainState.DOMAIN_STATE_PAUSED, stateReason: "user" };
      expect(await client.unary(D.resumeDomain, request)).toMatchObject(RUNNING);
      expect(await client.unary(D.suspendDomain, request)).toMatchObject(PAUSED);
      expect(await client.unary(D.suspendDomain, request)).toMatchObject(PAUSED);
      expect(await client.unary(D.resumeDomain, request)).toMatchObject(RUNNING);
    });

    needs("domains.reset")("be reset without stopping", async () => {
      const { client, uri } = subject();
      const before = await guests.get(name);
      const after = await client.unary(D.resetDomain, { uri, requestId: "", domain: name });
      expect(after).toMatchObject({ id: before.id, state: before.state });
    });

    needs("domains.setAutostart")("be marked to start with their host", async () => {
      const { client, uri } = subject();
      const set = (autostart: boolean) =>
        client.unary(D.setAutostart, { uri, requestId: "", domain: name, autostart });
      expect(await set(true)).toMatchObject({ autostart: true });
      expect(await guests.get(name)).toMatchObject({ autostart: true });
      expect(await set(false)).toMatchObject({ autostart: false });
    });

    needs("domains.suspend")("refuse to be suspended when they do not run", async () => {
      const { client, uri } = subject();
      await guests.destroy(name);
      await expect(client.unary(D.suspendDomain, { uri, requestId: "", domain: name })).rejects.toMatchObject(
        {
          reason: "DOMAIN_NOT_RUNNING",
        },
      );
    });

    needs("domains.openConsole")(
      "give their console to one at a time, unless it is taken by force",
      async () => {
        const { client, uri } = subject();
        const opening = (force: boolean): OpenConsoleRequest => ({
          uri,
          domain: name,
          device: "",
          force,
          data: Buffer.alloc(0),
        });
        const abort = new AbortController();
        const open = (force: boolean): Promise<unknown> =>
          endOf(client.bidi(D.openConsole, held(opening(force), abort.signal), abort.signal));
        // Which of two comes first is not known, so it is the one that is refused that tells.
        const [one, two] = [open(false), open(false)];
        const refused = await Promise.race([one, two].map(async (end, i) => ({ error: await end, i })));
        expect(refused.error).toMatchObject({ reason: "CONSOLE_BUSY", code: "FAILED_PRECONDITION" });
        const reader = refused.i === 0 ? two : one;
        const taking = open(true);
        await reader;
        await guests.destroy(name);
        await taking;
        abort.abort();
      },
    );

    needs("domains.screenshot")("show a picture of their screen", async () => {
      const { client, uri } = subject();
      const parts: Buffer[] = [];
      let mimeType = "";
      const abort = new AbortController();
      for await (const part of client.stream(
        D.takeScreenshot,
        { uri, domain: name, screen: 0 },
        abort.signal,
      )) {
        mimeType ||= part.mimeType;
        parts.push(part.data);
      }
      expect(mimeType).toBe("image/png");
      expect(Buffer.concat(parts).subarray(1, 4).toString("latin1")).toBe("PNG");
    });
  });
}

/** The first message, and then silence until the test is over. */
async function* held(first: OpenConsoleRequest, signal: AbortSignal): AsyncGenerator<OpenConsoleRequest> {
  yield first;
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Reads until the stream ends; resolves with what it failed with, if it did. */
async function endOf(answers: AsyncGenerator<unknown, void>): Promise<unknown> {
  try {
    while ((await answers.next()).done !== true) continue;
    return undefined;
  } catch (e) {
    return e;
  }
}
