import { posix } from "node:path";
import type { Import } from "./checks/imports.ts";

/**
 * The floors of the house. A room imports only from floors below its own; a service never imports a service.
 * `with` names rooms of the same floor that a room may use all the same.
 */
export interface Room {
  readonly floor: number;
  readonly with?: readonly string[];
  /** Pure: neither `node:` nor npm packages. */
  readonly pure?: boolean;
  /** Only tests, tools and the rooms named here import it. */
  readonly onlyFor?: readonly string[];
}

export const FLOORS: Readonly<Record<string, Room>> = {
  "packages/core": { floor: 0, pure: true },
  "packages/api": { floor: 0 },
  "packages/documents": { floor: 1 },
  "packages/mesh": { floor: 2 },
  "packages/kit": { floor: 2 },
  "packages/agent": { floor: 3 },
  "packages/test-driver": { floor: 3 },
  "packages/hyperv-simulator": { floor: 3, onlyFor: ["packages/testkit", "packages/lab", "clients/demo"] },
  "packages/lab": { floor: 4, onlyFor: ["packages/testkit", "clients/demo"] },
  "packages/testkit": { floor: 4, with: ["packages/lab"], onlyFor: [] },
};

/** Everything in these folders is a room of the top floor. */
const TOP = /^(services|clients)\/[^/]+/;
/** These stand outside the house and see all of it. */
const OUTSIDE = /^(tests|tools)\//;
const SCOPE = "@virtmesh/";

/** What a package.json declares. */
export interface Declared {
  readonly name: string;
  readonly dependencies: readonly string[];
}

export interface FloorInput {
  /** Hand-written and generated sources: path from the top of the project, and their imports. */
  readonly files: readonly { readonly path: string; readonly imports: readonly Import[] }[];
  /** By folder: `packages/core`, and "" for the top of the project. */
  readonly packages: ReadonlyMap<string, Declared>;
}

/** The room a file stands in: `packages/core`, `services/gateway`; undefined outside the house. */
export function roomOf(path: string): string | undefined {
  return /^(packages|services|clients)\/[^/]+/.exec(path)?.[0];
}

function floorOf(room: string): number | undefined {
  return TOP.test(room) ? 5 : FLOORS[room]?.floor;
}

/** Every import that breaks a rule of the house, as `file:line: sentence`. */
export function checkFloors(input: FloorInput): readonly string[] {
  const problems: string[] = [];
  const roomByName = new Map([...input.packages].map(([folder, declared]) => [declared.name, folder]));
  for (const [folder] of input.packages) {
    if (folder !== "" && floorOf(folder) === undefined)
      problems.push(`${folder}: has no floor; give it one in tools/floors.ts`);
  }
  for (const file of input.files) {
    for (const imported of file.imports) {
      const problem = problemOf(file.path, imported.specifier, input, roomByName);
      if (problem !== undefined) problems.push(`${file.path}:${imported.line}: ${problem}`);
    }
  }
  return problems;
}

function problemOf(
  path: string,
  specifier: string,
  input: FloorInput,
  roomByName: ReadonlyMap<string, string>,
): string | undefined {
  const room = roomOf(path);
  const isTest = path.endsWith(".test.ts");
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(path), specifier);
    if (room === undefined || target.startsWith(`${room}/`)) return undefined;
    return `"${specifier}" leaves ${room}; import the package by its name`;
  }
  if (specifier.startsWith("node:")) {
    return room !== undefined && FLOORS[room]?.pure && !isTest
      ? `${room} is pure, it must not import ${specifier}`
      : undefined;
  }
  if (specifier.startsWith(SCOPE)) {
    const [, name = "", ...rest] = specifier.split("/");
    const target = roomByName.get(SCOPE + name);
    if (target === undefined) return `there is no package ${SCOPE}${name}`;
    if (rest[0] === "src" || rest.length === 0) return `"${specifier}" goes round the exports of ${target}`;
    if (room === undefined || OUTSIDE.test(path)) return undefined;
    if (target === room) return `"${specifier}" is ${room} itself; import it by a relative path`;
    return upwardProblem(room, target, isTest) ?? undeclaredProblem(room, SCOPE + name, isTest, input);
  }
  return npmProblem(path, room, specifier, isTest, input);
}

function upwardProblem(room: string, target: string, isTest: boolean): string | undefined {
  const from = floorOf(room);
  const to = floorOf(target);
  if (from === undefined || to === undefined) return undefined;
  if (TOP.test(target)) return `${room} must not import ${target}: nothing imports a service or a client`;
  // A test may use the floors of tests (testkit, lab) wherever it stands.
  if (isTest) return undefined;
  const onlyFor = FLOORS[target]?.onlyFor;
  if (onlyFor !== undefined && !onlyFor.includes(room)) return `${target} is only for tests`;
  if (to < from || FLOORS[room]?.with?.includes(target)) return undefined;
  return `${room} (floor ${from}) must not import ${target} (floor ${to})`;
}

function undeclaredProblem(
  room: string,
  name: string,
  isTest: boolean,
  input: FloorInput,
): string | undefined {
  if (isTest || input.packages.get(room)?.dependencies.includes(name)) return undefined;
  return `${room}/package.json does not declare ${name}`;
}

function npmProblem(
  path: string,
  room: string | undefined,
  specifier: string,
  isTest: boolean,
  input: FloorInput,
): string | undefined {
  const parts = specifier.split("/");
  const name = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
  const own = input.packages.get(room ?? "")?.dependencies ?? [];
  const shared = input.packages.get("")?.dependencies ?? [];
  if (room !== undefined && !isTest) {
    if (FLOORS[room]?.pure) return `${room} is pure, it must not import ${name}`;
    return own.includes(name) ? undefined : `${room}/package.json does not declare ${name}`;
  }
  if (own.includes(name) || shared.includes(name)) return undefined;
  // Tests that cross services use what the services use.
  const anywhere =
    OUTSIDE.test(path) && [...input.packages.values()].some((p) => p.dependencies.includes(name));
  return anywhere ? undefined : `no package.json in reach of ${path} declares ${name}`;
}
