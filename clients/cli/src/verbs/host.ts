import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { DrainHostRequest, Host, HostServiceService as service } from "@virtmesh/api/gen/virtmesh/v1/host";
import { MigrateDomainRequest, MigrationStorage } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import { parseConnectionUri } from "@virtmesh/core/uri";
import { followOrCancel, NEVER } from "../long-work.ts";
import { metadataOf, operationJson, responseOf, throwIfFailed } from "../operations.ts";
import { guestLine, PLAN_COLUMNS, renderDrain } from "../output/drain.ts";
import { LiveArea } from "../output/live.ts";
import { clean } from "../output/table.ts";
import { durationOf } from "../output/units.ts";
import { oneConnection, type Session } from "../session.ts";
import type { Given, Verb, VerbOption } from "../verb.ts";
import { listAgents } from "./fleet.ts";
import { LIMIT_OPTIONS, limits } from "./host-limits.ts";
import { priorityOf } from "./migrate-options.ts";
import { fenceHost } from "./migration.ts";

const DRAIN_OPTIONS: readonly VerbOption[] = [
  {
    flags: "--to <pattern>",
    help: "connections that may take the guests: 'qemu://rack-2-*/system'",
    completes: "uri",
  },
  {
    flags: "--label <name=value>",
    help: "a label that a destination must have; may be repeated",
    repeatable: true,
  },
  { flags: "--parallel <number>", help: "migrations at once; as the limits of the host say unless given" },
  { flags: "--attempts <number>", help: "how often a guest is tried; 3 unless given" },
  { flags: "--offline-guests", help: "move the definitions of guests that are off as well" },
  { flags: "--copy-storage-all", help: "copy the writable disks to new images" },
  { flags: "--auto-converge", help: "slow the CPUs of guests whose memory changes too fast" },
  { flags: "--max-downtime <ms>", help: "how long each guest may stand still; 300 unless given" },
  { flags: "--guest-timeout <seconds>", help: "give one migration up after this long" },
  { flags: "--priority <number>", help: "of its migrations, -10 to 10" },
  { flags: "--unsafe", help: "accept disks with a host cache that both hosts see" },
  { flags: "--plaintext", help: "do not encrypt; refused unless both agents allow it" },
  { flags: "--dry-run", help: "only say where each guest would go, and why" },
  { flags: "--detach", help: "start it and return at once" },
];

const ACTIONS = ["drain", "cordon", "uncordon", "limits", "fence"] as const;
type Action = (typeof ACTIONS)[number];

const OPTIONS: Readonly<Record<Action, readonly VerbOption[]>> = {
  drain: DRAIN_OPTIONS,
  cordon: [{ flags: "--reason <text>", help: "cordon: shown to whoever is refused" }],
  uncordon: [],
  limits: LIMIT_OPTIONS,
  fence: [
    {
      flags: "--host-is-off",
      help: "fence: you have made sure that the host is switched off, or cut off from its guests' disks and networks",
    },
  ],
};

export const host: Verb = {
  name: "host",
  group: "Fleet",
  summary:
    "drain a host, keep new guests away from it, limit its migrations, take guests back from a dead one",
  args: [
    { name: "action", help: "drain, cordon, uncordon, limits, fence", choices: ACTIONS },
    {
      name: "host",
      help: "name of a host, or its connection; -c unless given",
      optional: true,
      completes: "uri",
    },
  ],
  options: Object.values(OPTIONS).flat(),
  notes:
    "drain cordons the host and moves its guests; the agent of the host does it, whatever becomes of this command.\n" +
    "Ctrl-C cancels it and waits until it is certain what runs where. The host stays cordoned: uncordon it.\n" +
    "fence takes back the guests that were on their way to a host which is off; its agent ends what it has of them when\n" +
    "it comes back. See `virtmesh migration resolve` for one alone.",
  async run(session, given) {
    const action = given.arg(0) as Action;
    refuseForeign(action, given);
    if (action === "fence") return fenceHost(session, hostNameOf(given.arg(1)), given.flag("hostIsOff"));
    const uri = await connectionOf(session, given.arg(1));
    switch (action) {
      case "drain":
        return drain(session, uri, given);
      case "cordon":
        return setCordon(
          session,
          session.rpc.unary(service.cordonHost, {
            uri,
            requestId: crypto.randomUUID(),
            reason: given.text("reason"),
          }),
        );
      case "uncordon":
        return setCordon(
          session,
          session.rpc.unary(service.uncordonHost, { uri, requestId: crypto.randomUUID() }),
        );
      case "limits":
        return limits(session, uri, given);
    }
  },
};

/** A host that is gone may be known to nobody any more: its name is taken as it is. */
function hostNameOf(text: string): string {
  if (text === "") throw new VirtError("INVALID_FIELD", "say which host is off");
  return text.includes("://") ? parseConnectionUri(text).host : text;
}

/** The connection of a host that was named by itself. */
async function connectionOf(session: Session, name: string): Promise<string> {
  if (name === "" || name.includes("://")) return oneConnection(session, name);
  const uris = (await listAgents(session)).filter((a) => a.host === name).flatMap((a) => a.uris.slice(0, 1));
  const [uri, ...others] = uris;
  if (uri === undefined) throw new VirtError("UNKNOWN_HOST", `there is no host "${name}"`);
  if (others.length > 0) {
    throw new VirtError(
      "AMBIGUOUS_HOST",
      `${name} has ${uris.length} hypervisors: name one of ${uris.join(", ")}`,
    );
  }
  return uri;
}

/** An option of another action would be ignored silently. */
function refuseForeign(action: Action, given: Given): void {
  const foreign = ACTIONS.filter((other) => other !== action).flatMap((other) => OPTIONS[other]);
  for (const { flags } of foreign) {
    const flag = flags.split(" ")[0] ?? "";
    const name = flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (given.flag(name) || given.text(name) !== "" || given.texts(name).length > 0)
      throw new VirtError("INVALID_FIELD", `${flag} means nothing to \`host ${action}\``);
  }
}

async function setCordon(session: Session, changed: Promise<Host>): Promise<void> {
  const answer = await changed;
  if (session.globals.json) return session.terminal.object(Host.toJSON(answer));
  session.terminal.say(
    `${clean(answer.name)} ${answer.cordoned ? "takes no new guests" : "takes new guests"}`,
  );
}

function drainRequest(uri: string, given: Given): DrainHostRequest {
  const [downtime, timeout] = [given.number("maxDowntime"), given.number("guestTimeout")];
  const migration = MigrateDomainRequest.fromPartial({
    storage: given.flag("copyStorageAll") ? MigrationStorage.MIGRATION_STORAGE_COPY : 0,
    autoConverge: given.flag("autoConverge"),
    unsafe: given.flag("unsafe"),
    plaintext: given.flag("plaintext"),
    priority: priorityOf(given),
    ...(downtime === undefined ? {} : { tuning: { maxDowntime: durationOf(downtime) } }),
    ...(timeout === undefined ? {} : { timeout: durationOf(timeout * 1000) }),
  });
  return DrainHostRequest.fromPartial({
    uri,
    requestId: crypto.randomUUID(),
    destinations: given.text("to"),
    labels: labelsOf(given),
    parallel: whole(given, "parallel"),
    attempts: whole(given, "attempts"),
    validateOnly: given.flag("dryRun"),
    offlineGuests: given.flag("offlineGuests"),
    migration,
  });
}

function whole(given: Given, name: string): number {
  const number = given.number(name) ?? 0;
  if (!Number.isInteger(number))
    throw new VirtError("INVALID_FIELD", `--${name} must be a whole number, not ${number}`);
  return number;
}

function labelsOf(given: Given): Record<string, string> {
  return Object.fromEntries(
    given.texts("label").map((text) => {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
      if (name === undefined || value === undefined)
        throw new VirtError("INVALID_FIELD", `--label is written name=value, not "${text}"`);
      return [name, value];
    }),
  );
}

/** A picture on a terminal; in a log a line whenever a guest comes to another state. */
class DrainView implements Disposable {
  readonly #session: Session;
  readonly #area: LiveArea | undefined;
  readonly #said = new Map<string, string>();

  constructor(session: Session) {
    this.#session = session;
    const { stderr } = session.terminal.streams;
    const shown = !session.globals.json && !session.globals.quiet;
    this.#area = shown && stderr.isTTY === true ? new LiveArea(stderr) : undefined;
  }

  show(operation: Operation): void {
    const { drain: progress } = metadataOf(operation);
    if (progress === undefined || this.#session.globals.json || this.#session.globals.quiet) return;
    if (this.#area !== undefined) return this.#area.draw(renderDrain(progress, this.#area.width));
    for (const guest of progress.guests.filter((g) => g.attempts > 0 || g.error !== "")) {
      const line = guestLine(guest);
      if (this.#said.get(guest.domainUuid) !== line) this.#session.terminal.note(line);
      this.#said.set(guest.domainUuid, line);
    }
  }

  [Symbol.dispose](): void {
    this.#area?.[Symbol.dispose]();
  }
}

/** Follows a drain to its exact end, also after Ctrl-C: only the end says what runs where. */
async function followDrain(session: Session, uri: string, begin: Promise<Operation>): Promise<Operation> {
  using view = new DrainView(session);
  return await followOrCancel(session, begin, {
    uri,
    cancelling: "cancelling; waiting until it is certain what runs where (Ctrl-C again leaves it alone)",
    left: (name) => `the drain goes on without you; \`virtmesh operations wait ${name}\` follows it`,
    onChange: (operation) => view.show(operation),
  });
}

async function drain(session: Session, uri: string, given: Given): Promise<void> {
  const request = drainRequest(uri, given);
  const begin = session.rpc.unary(service.drainHost, request, NEVER);
  if (given.flag("detach")) {
    const operation = await begin;
    if (session.globals.json) return session.terminal.object(operationJson(operation));
    return session.terminal.print(operation.name);
  }
  const operation = await followDrain(session, uri, begin);
  if (session.globals.json) session.terminal.object(operationJson(operation));
  throwIfFailed(operation);
  const report = responseOf(operation, "virtmesh.v1.DrainReport");
  if (session.globals.json || report === undefined) return;
  if (!request.validateOnly)
    return session.terminal.say(
      `${report.guests.length === 1 ? "1 guest has" : `${report.guests.length} guests have`} left ${clean(uri)}; it stays cordoned until \`virtmesh host uncordon\``,
    );
  session.terminal.table(PLAN_COLUMNS, report.guests);
  for (const sentence of report.passedOver) session.terminal.note(`passed over: ${clean(sentence)}`);
}
