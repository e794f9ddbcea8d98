/** What this package needs of a logger; a pino logger is one. */
export interface MeshLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = (): void => undefined;

/** For tests and tools that do not log. */
export const silentLogger: MeshLogger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
