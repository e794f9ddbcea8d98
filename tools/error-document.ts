import type { ErrorCode } from "@virtmesh/core/errors";

export interface ErrorRow {
  readonly reason: string;
  readonly code: ErrorCode;
  /** Exit status of the command line. */
  readonly exitCode: number;
}

/** What a caller should do about a code. */
const ADVICE: Readonly<Record<ErrorCode, string>> = {
  INVALID_ARGUMENT: "Fix the request; `BadRequest` names the fields.",
  OUT_OF_RANGE: "Fix the request.",
  NOT_FOUND: "Look again at what there is.",
  ALREADY_EXISTS: "Choose another name.",
  FAILED_PRECONDITION:
    "Change the state first; trying again alone does not help. `PreconditionFailure` lists what is in the way.",
  ABORTED: "Try the whole thing again, after `RetryInfo` when it is there.",
  UNIMPLEMENTED: "Never try again: this driver does not do that.",
  RESOURCE_EXHAUSTED: "Free something, or ask for less.",
  UNAUTHENTICATED: "Show a certificate.",
  PERMISSION_DENIED: "Ask for the permission.",
  DEADLINE_EXCEEDED: "What became of it is unknown: look first, then try again with the same `request_id`.",
  CANCELLED: "The caller went away; look what became of it.",
  UNAVAILABLE: "Try again later with the same `request_id`.",
  INTERNAL: "Report it; the log of the process that answered has the cause.",
};

/**
 * docs/errors.md: the reasons in the groups and with the order they have in `source`, the text of core's
 * errors.ts, whose comments between the reasons are the titles.
 */
export function errorDocument(source: string, rows: readonly ErrorRow[]): string {
  const byReason = new Map(rows.map((row) => [row.reason, row]));
  const codes = [...new Set(rows.map((row) => row.code))];
  const lines = [
    "# Errors",
    "",
    "Generated from `packages/core/src/errors.ts` by `npm run generate`; do not edit.",
    "",
    "Every error is a canonical gRPC code with a `google.rpc.ErrorInfo` of the domain `virtmesh`. Its `reason` is one of",
    "the names below; they are stable, messages are not. `exit` is the exit status of `virtmesh`.",
    "",
    ...reasonTables(source, byReason),
    "## What to do",
    "",
    "| code | the caller should |",
    "| --- | --- |",
    ...codes.map((code) => `| ${code} | ${ADVICE[code]} |`),
    "",
  ];
  return lines.join("\n");
}

function reasonTables(source: string, rows: ReadonlyMap<string, ErrorRow>): readonly string[] {
  const body = /export const REASONS = \{\n([\s\S]*?)\n\} as const/.exec(source)?.[1] ?? "";
  const lines: string[] = [];
  for (const line of body.split("\n")) {
    const title = /^\s*\/\/ (.+?)\.?$/.exec(line)?.[1];
    const reason = /^\s*([A-Z_]+):/.exec(line)?.[1];
    if (title !== undefined)
      lines.push(
        ...(lines.length > 0 ? [""] : []),
        `## ${title}`,
        "",
        "| reason | code | exit |",
        "| --- | --- | --- |",
      );
    const row = reason === undefined ? undefined : rows.get(reason);
    if (row !== undefined) lines.push(`| \`${row.reason}\` | ${row.code} | ${row.exitCode} |`);
  }
  return [...lines, ""];
}
