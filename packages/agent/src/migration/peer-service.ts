import {
  type ExamineRequest,
  type ExamineResponse,
  type InquireRequest,
  type InquireResponse,
  MigrationPeerServiceService,
  type ReserveRequest,
  type SessionRequest,
  type SessionResponse,
} from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import type { MigrationId } from "@virtmesh/core/ids";
import { rankOf } from "@virtmesh/core/traffic/line";
import { bidi, type ServiceEntry, serverStream, unary } from "@virtmesh/kit/grpc-server";
import type { Migrations } from "./migrations.ts";
import { PeerLink } from "./peer-link.ts";
import { examineDestination } from "./preflight.ts";
import { checkPriority, offerFromWire, standingToWire } from "./wire.ts";

/** The destination's ear: what source agents say. */
export function peerService(migrations: Migrations): ServiceEntry {
  return {
    definition: MigrationPeerServiceService,
    implementation: {
      examine: unary((request: ExamineRequest, c: Call) => examine(migrations, request, c)),
      inquire: unary((request: InquireRequest, c: Call) => inquire(migrations, request, c)),
      reserve: serverStream((request: ReserveRequest, c: Call) => {
        checkPeer(migrations, c, request.sourceHost);
        checkPriority(request.priority);
        const { migrationId, priority, waitedMs } = request;
        const rank = rankOf(Date.now() - Number(waitedMs), priority);
        return migrations.context.incoming.reserve({ migrationId, rank }, c.signal);
      }),
      session: bidi((requests: AsyncIterable<SessionRequest>, c: Call) => session(migrations, requests, c)),
    },
  };
}

async function examine(migrations: Migrations, request: ExamineRequest, c: Call): Promise<ExamineResponse> {
  checkPeer(migrations, c, request.offer?.sourceHost);
  if (request.offer === undefined) throw new VirtError("PROTOCOL", "an examination came without an offer");
  const offer = offerFromWire(request.offer);
  await migrations.vacated(offer, c.signal);
  const found = await examineDestination(migrations.context, offer, c);
  return { obstacles: found.obstacles.map((o) => ({ ...o })), warnings: [...found.warnings] };
}

async function inquire(migrations: Migrations, request: InquireRequest, c: Call): Promise<InquireResponse> {
  const standing = await migrations.standing(
    request.migrationId as MigrationId,
    request.demandPromise,
    c.signal,
  );
  return { standing: standingToWire(standing), failure: "" };
}

async function* session(
  migrations: Migrations,
  requests: AsyncIterable<SessionRequest>,
  c: Call,
): AsyncGenerator<SessionResponse> {
  const incoming = requests[Symbol.asyncIterator]();
  const first = await incoming.next();
  if (first.done === true) return;
  const { message } = first.value;
  checkPeer(migrations, c, message?.$case === "prepare" ? message.value.sourceHost : undefined);
  const id = first.value.migrationId as MigrationId;
  let runner = message?.$case === "prepare" ? undefined : migrations.incoming(id);
  if (message?.$case !== "prepare" && runner === undefined) {
    // Nothing live: what the journal says is all there is, and what it does not know it will never run.
    const standing = await migrations.standing(id, true, c.signal);
    yield standing === "resumed" || standing === "lost"
      ? { message: { $case: "standing", value: { standing: standingToWire(standing), failure: "" } } }
      : { message: { $case: "discarded", value: { leftovers: [] } } };
    return;
  }
  const early: SessionRequest[] = [];
  let gone: string | undefined;
  /** The source does not want any more what it has offered. */
  const over = new AbortController();
  using link = new PeerLink<SessionResponse, SessionRequest>({
    silenceMs: migrations.context.silenceMs,
    heartbeat: { message: { $case: "heartbeat", value: {} } },
    onMessage: (m) => {
      if (runner !== undefined) return runner.hear(m);
      early.push(m);
      if (m.message?.$case === "abort") over.abort(givenUp(m.message.value.reason));
    },
    onLost: (why) => {
      gone = why;
      over.abort(givenUp(why));
      runner?.lost(link, why);
    },
  });
  /** It may have to wait for the guest: the source is heard meanwhile, and hears that there is somebody. */
  const take = async (): Promise<void> => {
    try {
      if (message?.$case === "prepare") {
        const call = { ...c, signal: AbortSignal.any([c.signal, over.signal]) };
        runner = await migrations.accept(offerFromWire(message.value), first.value.uri, link, call);
      } else {
        runner?.attach(link);
        runner?.hear(first.value);
      }
    } catch (e) {
      // Refused for good, and journalled so: to the source that is a promise.
      const { reason, message: text } = VirtError.from(e);
      link.send({ message: { $case: "failed", value: { reason, message: text, promise: true } } });
      link[Symbol.dispose]();
      return;
    }
    for (const m of early) runner?.hear(m);
    if (gone !== undefined) runner?.lost(link, gone);
  };
  const taken = take();
  // It never throws, and ends with this call at the latest.
  void link.listen({ [Symbol.asyncIterator]: () => incoming });
  try {
    yield* link.outgoing;
  } finally {
    await taken;
  }
}

function givenUp(why: string): VirtError {
  return new VirtError("CANCELLED", `the source has given the migration up: ${why}`);
}

/** Only agents talk here, each for its own host. @throws NOT_PERMITTED */
function checkPeer(migrations: Migrations, c: Call, host: string | undefined): void {
  if (!migrations.context.authenticated) return;
  const caller = /^host\/([^/]+)\/agent$/.exec(c.actor)?.[1];
  if (caller !== undefined && (host === undefined || host === caller)) return;
  const whose = host === undefined ? "of an agent" : `of the agent of ${host}`;
  throw new VirtError(
    "NOT_PERMITTED",
    `"${c.actor}" may not speak here: this takes the certificate ${whose}`,
  );
}
