import {
  ResolutionChoice,
  type ResolutionOption,
  resolutionChoiceToJSON,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import { isWhole } from "@virtmesh/core/migration/source-decision";
import type { SourceState } from "@virtmesh/core/migration/source-state";
import { parseConnectionUri } from "@virtmesh/core/uri";
import type { MigrationContext } from "./context.ts";
import type { SourceRunner } from "./source-runner.ts";

const { RESOLUTION_CHOICE_WAIT, RESOLUTION_CHOICE_TAKE_BACK, RESOLUTION_CHOICE_LET_GO } = ResolutionChoice;

/** What an operator can do about a migration that cannot end by itself, each with what comes of it. */
export function resolutionsOf(
  c: MigrationContext,
  runner: SourceRunner,
  destinationIsOff: boolean,
): readonly ResolutionOption[] {
  const { sourceUri, destinationUri, offer } = runner.header;
  const there = parseConnectionUri(destinationUri).host;
  return [
    {
      choice: RESOLUTION_CHOICE_WAIT,
      consequence:
        `the guest stands still on ${sourceUri}; as soon as the agent of ${there} answers, it runs there, ` +
        "or here when it never ran there and never will",
      refusal: "",
    },
    {
      choice: RESOLUTION_CHOICE_TAKE_BACK,
      consequence:
        `the guest goes on at ${sourceUri}, as it was when it was stopped, under generation ${offer.nextGeneration + 1n}; ` +
        `what it did on ${there}, if it ran there, is lost; when the agent of ${there} comes back it ends what it has of the guest ` +
        `before anything else. If ${there} is not off, the guest runs twice until then`,
      refusal: refusalOf(c, runner, destinationIsOff),
    },
    {
      choice: RESOLUTION_CHOICE_LET_GO,
      consequence:
        `the paused copy on ${sourceUri} ends; the guest is the business of ${there} alone, and runs nowhere until that comes back. ` +
        "The images here stay where they are",
      refusal: letGoRefusal(runner.state),
    },
  ];
}

const SPLIT = "the guest's memory is on both hosts (post-copy): ending either copy would lose it";

function refusalOf(c: MigrationContext, runner: SourceRunner, destinationIsOff: boolean): string {
  const { phase } = runner.state;
  if (phase !== "resuming" && phase !== "inDoubt") return notNow(runner.state);
  if (runner.state.phase === "resuming" && !isWhole(runner.state)) return SPLIT;
  const { destinationUri } = runner.header;
  if (isAlive(c, destinationUri))
    return `the agent of ${destinationUri} is alive and will answer; wait for it`;
  return destinationIsOff
    ? ""
    : "it must be said that the destination is switched off, or cut off from the guest's disks and network (destination_is_off)";
}

function letGoRefusal(state: SourceState): string {
  if (state.phase !== "resuming") return notNow(state);
  return isWhole(state) ? "" : SPLIT;
}

function notNow({ phase }: SourceState): string {
  return phase === "inDoubt"
    ? "it is not known whether the guest was handed over"
    : `the migration is ${phase} and needs nobody to decide anything`;
}

function isAlive(c: MigrationContext, uri: string): boolean {
  try {
    c.peer(uri);
    return true;
  } catch (e) {
    if (VirtError.is(e) && (e.reason === "HOST_GONE" || e.reason === "UNKNOWN_HOST")) return false;
    throw e;
  }
}

/** Does what was chosen. @throws WRONG_STATE with the refusal */
export async function resolve(
  c: MigrationContext,
  runner: SourceRunner,
  chosen: { readonly choice: ResolutionChoice; readonly destinationIsOff: boolean; readonly actor: string },
): Promise<void> {
  const { choice, destinationIsOff, actor } = chosen;
  const option = resolutionsOf(c, runner, destinationIsOff).find((o) => o.choice === choice);
  if (option === undefined) {
    throw new VirtError("INVALID_FIELD", "choice: there is no such choice", {
      violations: [{ field: "choice", description: "wait, take back or let go" }],
    });
  }
  if (option.refusal !== "") throw new VirtError("WRONG_STATE", `this cannot be chosen: ${option.refusal}`);
  c.logger.warn(
    { migration: runner.header.offer.plan.id, choice: resolutionChoiceToJSON(choice), actor },
    "an operator resolves a migration",
  );
  if (choice === RESOLUTION_CHOICE_TAKE_BACK) await runner.takeBack(actor);
  if (choice === RESOLUTION_CHOICE_LET_GO) runner.tell({ fact: "letGo", actor });
}

/** For the runner that an operator named. @throws MIGRATION_NOT_FOUND */
export function runnerOf(runner: SourceRunner | undefined, id: string, host: string): SourceRunner {
  if (runner !== undefined) return runner;
  throw new VirtError(
    "MIGRATION_NOT_FOUND",
    `no migration ${id} from ${host} is under way; there is nothing to resolve`,
  );
}
