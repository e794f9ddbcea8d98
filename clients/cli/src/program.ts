import { Argument, Command, CommanderError, Option } from "commander";
import { namesOf } from "./shell/complete.ts";
import type { OutStream } from "./terminal.ts";
import { Given, GROUPS, type Verb, type VerbOption } from "./verb.ts";

/** The options that every verb takes, before or after its name. */
export const GLOBAL_OPTIONS: readonly VerbOption[] = [
  {
    flags: "-c, --connect <uri>",
    help: "connection, or a pattern of them; the whole fleet unless given (VIRTMESH_URI)",
    completes: "uri",
  },
  {
    flags: "--gateway <address>",
    help: "where the gateway (or an agent) answers; localhost:7770 unless given (VIRTMESH_GATEWAY)",
  },
  {
    flags: "--tls-dir <folder>",
    help: "ca.pem, cert.pem and key.pem to identify with (VIRTMESH_TLS_DIR)",
    completes: "file",
  },
  { flags: "--json", help: "answer with JSON: one object, or one a line for streams" },
  { flags: "--timeout <seconds>", help: "for one answer; 30 unless given" },
  { flags: "-q, --quiet", help: "no titles and no sentences about what was done" },
];

/** What the parser found on the command line. */
export interface Invocation {
  readonly verb: Verb;
  readonly given: Given;
  readonly globals: Readonly<Record<string, unknown>>;
}

/** Thrown for help (code 0) and for mistakes in the command line (code 2), which are then already printed. */
export class UsageEnd extends Error {
  readonly exitCode: number;
  constructor(exitCode: number, cause: CommanderError) {
    super(cause.message, { cause });
    this.exitCode = exitCode;
  }
}

/** Reads a command line (without the program's name). */
export function parseCommandLine(
  verbs: readonly Verb[],
  words: readonly string[],
  streams: { readonly stdout: OutStream; readonly stderr: OutStream },
): Invocation {
  let invocation: Invocation | undefined;
  const program = newCommand("virtmesh", streams);
  program.description("virsh for a fleet: one command line for every hypervisor behind a virtmesh gateway");
  program.enablePositionalOptions();
  program.addHelpCommand("help [verb]", "what a verb does");
  for (const option of GLOBAL_OPTIONS) program.addOption(optionOf(option));
  for (const group of GROUPS) {
    for (const verb of verbs.filter((v) => v.group === group)) {
      const command = commandOf(verb, streams);
      command.action((...all: unknown[]) => {
        const args = all.slice(0, -2) as (string | readonly string[] | undefined)[];
        const options = command.opts<Record<string, unknown>>();
        invocation = {
          verb,
          given: new Given(args, options),
          globals: globalsOf(verb, program.opts(), options),
        };
      });
      program.addCommand(command.helpGroup(`${group}:`), { hidden: verb.hidden === true });
    }
  }
  try {
    program.parse([...words], { from: "user" });
  } catch (e) {
    if (e instanceof CommanderError) throw new UsageEnd(e.exitCode === 0 ? 0 : 2, e);
    throw e;
  }
  if (invocation === undefined) throw new Error("the parser ended without a verb");
  return invocation;
}

function newCommand(
  name: string,
  streams: { readonly stdout: OutStream; readonly stderr: OutStream },
): Command {
  return new Command(name)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
      getOutHelpWidth: () => streams.stdout.columns ?? 80,
      getErrHelpWidth: () => streams.stderr.columns ?? 80,
    });
}

function commandOf(verb: Verb, streams: Parameters<typeof newCommand>[1]): Command {
  const command = newCommand(verb.name, streams).summary(verb.summary).description(verb.summary);
  for (const alias of verb.aliases ?? []) command.alias(alias);
  for (const arg of verb.args ?? []) {
    const name = `${arg.name}${arg.variadic === true ? "..." : ""}`;
    const argument = new Argument(arg.optional === true ? `[${name}]` : `<${name}>`, arg.help);
    if (arg.choices !== undefined) argument.choices(arg.choices);
    command.addArgument(argument);
  }
  for (const option of verb.options ?? []) command.addOption(optionOf(option));
  for (const option of freeGlobals(verb)) command.addOption(optionOf(option).hideHelp());
  if (verb.notes !== undefined) command.addHelpText("after", `\n${verb.notes}`);
  return command;
}

/** The global options whose names the verb does not use for something else (`migrate --timeout`). */
function freeGlobals(verb: Verb): readonly VerbOption[] {
  const taken = new Set((verb.options ?? []).flatMap((option) => namesOf(option).names));
  return GLOBAL_OPTIONS.filter((option) => !namesOf(option).names.some((name) => taken.has(name)));
}

function optionOf(option: VerbOption): Option {
  const made = new Option(option.flags, option.help);
  if (option.repeatable === true) {
    made.argParser((value: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      checkChoice(option, value),
    ]);
  } else if (option.choices !== undefined) made.choices(option.choices);
  return made;
}

function checkChoice(option: VerbOption, value: string): string {
  if (option.choices !== undefined && !option.choices.includes(value)) {
    throw new CommanderError(
      2,
      "commander.invalidArgument",
      `"${value}" is none of ${option.choices.join(", ")}`,
    );
  }
  return value;
}

function globalsOf(
  verb: Verb,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const names = freeGlobals(verb).map((option) => optionOf(option).attributeName());
  const later = Object.fromEntries(
    names.filter((name) => after[name] !== undefined).map((name) => [name, after[name]]),
  );
  return { ...before, ...later };
}
