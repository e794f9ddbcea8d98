import {
  ListMigrationsRequest,
  type Migration,
  MigrationPhase,
  MigrationResolution,
  MigrationServiceService as service,
  ResolutionChoice,
  ResolveMigrationRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import { parseConnectionUri } from "@virtmesh/core/uri";
import { clean } from "../output/table.ts";
import type { Session } from "../session.ts";
import type { Verb } from "../verb.ts";

/** As they are written on the command line. */
const CHOICES = {
  wait: ResolutionChoice.RESOLUTION_CHOICE_WAIT,
  "take-back": ResolutionChoice.RESOLUTION_CHOICE_TAKE_BACK,
  "let-go": ResolutionChoice.RESOLUTION_CHOICE_LET_GO,
} as const;
type Word = keyof typeof CHOICES;
const WORDS = Object.keys(CHOICES) as readonly Word[];

function wordOf(choice: ResolutionChoice): string {
  return WORDS.find((word) => CHOICES[word] === choice) ?? "unknown";
}

async function underWay(session: Session, uri: string): Promise<readonly Migration[]> {
  const request = ListMigrationsRequest.fromPartial({ uri, active: true });
  return (await session.rpc.unary(service.listMigrations, request)).migrations;
}

async function resolve(
  session: Session,
  { sourceUri: uri, id }: Migration,
  choice: ResolutionChoice,
  destinationIsOff: boolean,
): Promise<MigrationResolution> {
  const request = ResolveMigrationRequest.fromPartial({
    ...{ uri, requestId: crypto.randomUUID(), id, choice, destinationIsOff },
  });
  return await session.rpc.unary(service.resolveMigration, request);
}

/** Says what comes of it, before it is done. */
async function choose(
  session: Session,
  about: Migration,
  choice: ResolutionChoice,
  how: { readonly destinationIsOff: boolean; readonly label: string },
): Promise<MigrationResolution> {
  const { destinationIsOff, label } = how;
  const { RESOLUTION_CHOICE_UNSPECIFIED } = ResolutionChoice;
  const { options } = await resolve(session, about, RESOLUTION_CHOICE_UNSPECIFIED, destinationIsOff);
  const option = options.find((o) => o.choice === choice);
  if (option !== undefined && option.refusal === "" && !session.globals.quiet)
    session.terminal.note(`${label}: ${clean(option.consequence)}.`);
  return await resolve(session, about, choice, destinationIsOff);
}

export const migration: Verb = {
  name: "migration",
  group: "Migration",
  summary: "what can be done about a migration whose destination does not come back",
  args: [
    { name: "action", help: "resolve", choices: ["resolve"] },
    { name: "id", help: "of the migration, as `virtmesh migrations` shows it", completes: "none" },
    {
      name: "choice",
      help: "wait, take-back, let-go; without one only the choices and their consequences are shown",
      optional: true,
      choices: WORDS,
    },
  ],
  options: [
    {
      flags: "--host-is-off",
      help: "take-back: you have made sure that the destination is switched off, or cut off from the guest's disks and network",
    },
  ],
  async run(session, given) {
    const id = given.arg(1);
    const found = (await underWay(session, session.globals.connect)).find((m) => m.id === id);
    if (found === undefined)
      throw new VirtError(
        "MIGRATION_NOT_FOUND",
        `no migration ${id} is under way; there is nothing to resolve`,
      );
    const word = given.arg(2) as Word | "";
    const destinationIsOff = given.flag("hostIsOff");
    const answer =
      word === ""
        ? await resolve(session, found, ResolutionChoice.RESOLUTION_CHOICE_UNSPECIFIED, destinationIsOff)
        : await choose(session, found, CHOICES[word], { destinationIsOff, label: word });
    if (session.globals.json) return session.terminal.object(MigrationResolution.toJSON(answer));
    if (word !== "") return session.terminal.say(`the migration of '${clean(found.domainName)}': ${word}`);
    for (const option of answer.options) {
      session.terminal.print(`${wordOf(option.choice)}: ${clean(option.consequence)}.`);
      if (option.refusal !== "") session.terminal.print(`  not now: ${clean(option.refusal)}`);
    }
  },
};

/** Takes back every guest that was handed to a host which is off and has not said that it runs there. */
export async function fenceHost(session: Session, host: string, hostIsOff: boolean): Promise<void> {
  const { MIGRATION_PHASE_RESUMING, MIGRATION_PHASE_IN_DOUBT } = MigrationPhase;
  const stuck = (await underWay(session, "")).filter(
    (m) =>
      parseConnectionUri(m.destinationUri).host === host &&
      (m.progress?.phase === MIGRATION_PHASE_RESUMING || m.progress?.phase === MIGRATION_PHASE_IN_DOUBT),
  );
  if (!hostIsOff && stuck.length > 0) {
    throw new VirtError(
      "WRONG_STATE",
      `${stuck.map((m) => m.domainName).join(", ")} would be taken back from ${host}, and run twice if it is not off; make sure that it is, and say --host-is-off`,
    );
  }
  const taken: Migration[] = [];
  for (const one of stuck) {
    await choose(session, one, ResolutionChoice.RESOLUTION_CHOICE_TAKE_BACK, {
      ...{ destinationIsOff: hostIsOff, label: `'${clean(one.domainName)}'` },
    });
    taken.push(one);
    if (!session.globals.json)
      session.terminal.say(`'${clean(one.domainName)}' goes on at ${clean(one.sourceUri)}`);
  }
  if (session.globals.json)
    return session.terminal.object({
      host,
      takenBack: taken.map((m) => ({ id: m.id, domain: m.domainName })),
    });
  if (taken.length === 0)
    session.terminal.say(`no guest is on its way to ${clean(host)}: there is nothing to take back`);
}
