/** Unit tests stand beside the code; tests/ holds what crosses services. */
const commonjs = (syntax) => [
  "@swc/jest",
  { jsc: { parser: { syntax }, target: "es2024" }, module: { type: "commonjs" } },
];
/** npm packages that exist as ES modules only. */
const esModules = ["commander"];
const project = (displayName, testMatch, extra = {}) => ({
  displayName,
  rootDir: __dirname,
  testMatch: testMatch.map((m) => `<rootDir>/${m}`),
  transform: { "^.+\\.ts$": commonjs("typescript"), "^.+\\.js$": commonjs("ecmascript") },
  transformIgnorePatterns: [`/node_modules/(?!(${esModules.join("|")})/)`],
  extensionsToTreatAsEsm: [],
  moduleFileExtensions: ["ts", "js", "cjs", "mjs", "json", "node"],
  ...extra,
});
module.exports = {
  /** A test that hangs fails; a busy machine must not make a sound one fail. */
  testTimeout: 90_000,
  projects: [
    project("unit", [
      "packages/*/src/**/*.test.ts",
      "services/*/src/**/*.test.ts",
      "clients/*/src/**/*.test.ts",
      "tools/**/*.test.ts",
      "tests/bench/**/*.test.ts",
      "tests/conformance/**/!(scores).test.ts",
    ]),
    project("conformance", ["tests/conformance/scores.test.ts"]),
    project("contract", ["tests/contract/**/*.test.ts"], {
      testEnvironment: "<rootDir>/tools/jest-left-out.cjs",
    }),
    project("integration", ["tests/integration/**/*.test.ts"]),
    project("e2e", ["tests/e2e/**/*.test.ts"]),
    project("faults", ["tests/faults/**/*.test.ts"]),
  ],
};
