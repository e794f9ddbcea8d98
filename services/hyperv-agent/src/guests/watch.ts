import { setTimeout as delay } from "node:timers/promises";
import { EVERYTHING, type MsvmSession } from "../msvm/session.ts";
import { isWsmanFault } from "../wsman/errors.ts";
import { Subscription } from "../wsman/subscription.ts";
import { type Instance, isInstance } from "../wsman/values.ts";

/** What became of one instance (WMI's intrinsic events). */
export interface InstanceEvent {
  readonly kind: "created" | "changed" | "deleted";
  readonly instance: Instance;
}

export interface EventSink {
  /** Subscriptions are open, and nothing has been pulled yet: what there is is to be read now. */
  synced(signal: AbortSignal): Promise<void>;
  event(event: InstanceEvent, signal: AbortSignal): Promise<void>;
  /** The connection broke; it is tried again until the signal. */
  interrupted(error: unknown): void;
}

/** Between two attempts to reach a host that does not answer. */
const RETRY_MS = [0, 200, 500, 1_000, 2_000, 5_000] as const;

/** What is told of; jobs of all their classes are of CIM's. */
const CLASSES = ["Msvm_ComputerSystem", "CIM_ConcreteJob"] as const;

/** Providers that tell of changes themselves need no WITHIN; where they do not, WMI looks itself, each second. */
const WITHIN = ["", " WITHIN 1"] as const;

/** Hosts that cannot subscribe to such events say so in one of these ways. */
const REFUSALS = [
  "FilteringRequestedUnavailable",
  "CannotProcessFilter",
  "EventSourceUnableToProcess",
  "DeliveryModeRequestedUnavailable",
  "ActionNotSupported",
  "UnsupportedFeature",
] as const;

/** Which queries for events the host takes; or why it has none for us. */
export async function probe(
  session: MsvmSession,
  signal: AbortSignal,
): Promise<{ readonly queries: readonly string[] } | { readonly refusal: unknown }> {
  const queries: string[] = [];
  for (const className of CLASSES) {
    const found = await probeClass(session, className, signal);
    if (typeof found !== "string") return found;
    queries.push(found);
  }
  return { queries };
}

/** The query for events of a class that the host takes. */
export async function probeClass(
  session: MsvmSession,
  className: string,
  signal: AbortSignal,
): Promise<string | { readonly refusal: unknown }> {
  let refusal: unknown;
  for (const within of WITHIN) {
    const query = `SELECT * FROM __InstanceOperationEvent${within} WHERE TargetInstance ISA '${className}'`;
    try {
      await using _ = await Subscription.open(session.client, EVERYTHING, query, { signal });
      return query;
    } catch (e) {
      if (!isWsmanFault(e, ...REFUSALS)) throw e;
      refusal = e;
    }
  }
  return { refusal };
}

/** Events of the host until the signal. After every interruption everything is read once, since none are kept for us. */
export async function watchEvents(
  session: MsvmSession,
  queries: readonly string[],
  sink: EventSink,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await watchOnce(session, queries, sink, signal, () => (failures = 0));
    } catch (e) {
      if (signal.aborted) return;
      sink.interrupted(e);
      const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
      await delay(wait, undefined, { signal }).catch(() => undefined);
      failures += 1;
    }
  }
}

async function watchOnce(
  session: MsvmSession,
  queries: readonly string[],
  sink: EventSink,
  signal: AbortSignal,
  heard: () => void,
): Promise<void> {
  await using subscriptions = await openAll(session, queries, signal);
  await sink.synced(signal);
  heard();
  const broken = new AbortController();
  const own = AbortSignal.any([signal, broken.signal]);
  try {
    await Promise.all(
      subscriptions.all.map(async (subscription) => {
        for (;;) {
          const events = await subscription.next(own);
          // The host ended it, since it was not pulled from for too long, or forgot it: from the beginning then.
          if (events === undefined) throw new Error("the host has ended the subscription");
          for (const event of events.flatMap(readEvent)) await sink.event(event, own);
        }
      }),
    );
  } finally {
    broken.abort();
  }
}

interface Subscriptions extends AsyncDisposable {
  readonly all: readonly Subscription[];
}

async function openAll(
  session: MsvmSession,
  queries: readonly string[],
  signal: AbortSignal,
): Promise<Subscriptions> {
  await using opened = new AsyncDisposableStack();
  const all: Subscription[] = [];
  for (const query of queries)
    all.push(opened.use(await Subscription.open(session.client, EVERYTHING, query, { signal })));
  const owner = opened.move();
  return { all, [Symbol.asyncDispose]: () => owner.disposeAsync() };
}

const KINDS: Readonly<Record<string, InstanceEvent["kind"]>> = {
  __InstanceCreationEvent: "created",
  __InstanceModificationEvent: "changed",
  __InstanceDeletionEvent: "deleted",
};

function readEvent(event: Instance): readonly InstanceEvent[] {
  const kind = KINDS[event.className];
  const instance = event.properties.get("TargetInstance")?.find(isInstance);
  return kind === undefined || instance === undefined ? [] : [{ kind, instance }];
}
