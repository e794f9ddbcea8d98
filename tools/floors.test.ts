import { importsOf } from "./checks/imports.ts";
import { checkFloors, type Declared } from "./floors.ts";

const packages = new Map<string, Declared>([
  ["", { name: "virtmesh-workspace", dependencies: ["fast-check"] }],
  ["packages/core", { name: "@virtmesh/core", dependencies: [] }],
  ["packages/kit", { name: "@virtmesh/kit", dependencies: ["@virtmesh/core", "pino"] }],
  ["packages/agent", { name: "@virtmesh/agent", dependencies: ["@virtmesh/core", "@virtmesh/kit"] }],
  ["packages/testkit", { name: "@virtmesh/testkit", dependencies: ["@virtmesh/agent"] }],
  [
    "services/gateway",
    { name: "@virtmesh/gateway", dependencies: ["@virtmesh/kit", "@virtmesh/qemu-agent"] },
  ],
  [
    "services/qemu-agent",
    { name: "@virtmesh/qemu-agent", dependencies: ["@virtmesh/agent", "@virtmesh/testkit"] },
  ],
]);

function problems(path: string, text: string): readonly string[] {
  return checkFloors({ files: [{ path, imports: importsOf(text) }], packages });
}

describe("the floors of the house", () => {
  it("lets a room import from a floor below", () => {
    expect(problems("packages/agent/src/a.ts", 'import { x } from "@virtmesh/kit/log";')).toEqual([]);
  });

  it("refuses an import upwards", () => {
    expect(problems("packages/kit/src/a.ts", 'import type { x } from "@virtmesh/agent/outbox";')).toEqual([
      "packages/kit/src/a.ts:1: packages/kit (floor 2) must not import packages/agent (floor 3)",
    ]);
  });

  it("refuses a service that imports a service, even a declared one", () => {
    expect(
      problems("services/gateway/src/a.ts", '\nimport { x } from "@virtmesh/qemu-agent/driver";'),
    ).toEqual([
      "services/gateway/src/a.ts:2: services/gateway must not import services/qemu-agent: nothing imports a service or a client",
    ]);
  });

  it("keeps core free of node: and of npm packages", () => {
    expect(problems("packages/core/src/a.ts", 'import "node:fs";\nimport { z } from "zod";')).toEqual([
      "packages/core/src/a.ts:1: packages/core is pure, it must not import node:fs",
      "packages/core/src/a.ts:2: packages/core is pure, it must not import zod",
    ]);
  });

  it("lets the tests of core use node: and what the whole project has for tests", () => {
    expect(
      problems("packages/core/src/a.test.ts", 'import "node:fs";\nimport fc from "fast-check";'),
    ).toEqual([]);
  });

  it("refuses what package.json does not declare", () => {
    expect(problems("services/gateway/src/a.ts", 'import { x } from "@virtmesh/core/errors";')).toEqual([
      "services/gateway/src/a.ts:1: services/gateway/package.json does not declare @virtmesh/core",
    ]);
    expect(problems("packages/agent/src/a.ts", 'import { pino } from "pino";')).toEqual([
      "packages/agent/src/a.ts:1: packages/agent/package.json does not declare pino",
    ]);
  });

  it("refuses to go round a package's exports", () => {
    expect(problems("packages/agent/src/a.ts", 'import { x } from "@virtmesh/kit/src/log.ts";')).toHaveLength(
      1,
    );
    expect(problems("packages/agent/src/a.ts", 'import { x } from "../../kit/src/log.ts";')).toEqual([
      'packages/agent/src/a.ts:1: "../../kit/src/log.ts" leaves packages/agent; import the package by its name',
    ]);
  });

  it("keeps the floors of tests to tests", () => {
    const text = 'import { x } from "@virtmesh/testkit/mesh";';
    expect(problems("services/qemu-agent/src/a.ts", text)).toEqual([
      "services/qemu-agent/src/a.ts:1: packages/testkit is only for tests",
    ]);
    expect(problems("services/qemu-agent/src/a.test.ts", text)).toEqual([]);
    expect(problems("tests/e2e/a.test.ts", text)).toEqual([]);
  });

  it("refuses a package without a floor", () => {
    const more = new Map([
      ...packages,
      ["packages/new", { name: "@virtmesh/new", dependencies: [] }] as const,
    ]);
    expect(checkFloors({ files: [], packages: more })).toEqual([
      "packages/new: has no floor; give it one in tools/floors.ts",
    ]);
  });
});
