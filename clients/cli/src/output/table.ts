/** A column of a table for people. */
export interface Column<T> {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly right?: boolean;
  readonly cell: (row: T) => string;
}

/**
 * Lines of a table as virsh draws it: titles, a rule, rows, columns two or more spaces apart and no space at
 * the end of a line. `quiet` leaves titles and rule out.
 */
export function formatTable<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  quiet = false,
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => clean(column.cell(row))));
  const widths = columns.map((column, i) =>
    Math.max(quiet ? 0 : column.title.length, ...cells.map((row) => widthOf(row[i] ?? ""))),
  );
  const line = (texts: readonly string[]): string =>
    ` ${texts.map((text, i) => fit(text, widths[i] ?? 0, columns[i]?.right === true)).join("   ")}`.trimEnd();
  const body = cells.map(line);
  if (quiet) return body;
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width, 0) + 3 * (widths.length - 1) + 2);
  return [line(columns.map((column) => column.title)), rule, ...body];
}

/** Lines of `Name:   value` with the values aligned. Rows without a value are left out. */
export function formatFields(fields: readonly (readonly [string, string | undefined])[]): readonly string[] {
  const shown = fields.filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(0, ...shown.map(([name]) => name.length)) + 2;
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width)} ${clean(value ?? "")}`);
}

/** In characters, as good as it gets without a table of wide ones. */
function widthOf(text: string): number {
  return Array.from(text).length;
}

function fit(text: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - widthOf(text)));
  return right ? space + text : text + space;
}

/** Names and paths come from other people: control characters must not reach the terminal. */
export function clean(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
