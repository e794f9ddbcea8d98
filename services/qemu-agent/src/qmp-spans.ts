import { clientContext, endSpan, startSpan, traceparent } from "@virtmesh/kit/telemetry";
import type { QmpObserver } from "./qmp/connection.ts";

/** A span for every QMP command that belongs to a trace; what the agent asks on its own behalf has none. */
export const qmpSpans: QmpObserver = (command) => {
  const parent = traceparent();
  if (parent === "") return () => undefined;
  const options = { kind: "client", attributes: { "qmp.command": command } } as const;
  const span = startSpan(`qmp ${command}`, options, clientContext(parent));
  return (error) => endSpan(span, error);
};
