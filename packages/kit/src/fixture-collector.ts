import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { BinaryReader } from "@bufbuild/protobuf/wire";

export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly isFailed: boolean;
  readonly errorType: string;
  readonly events: readonly string[];
}

/** For tests: takes OTLP over HTTP and reads the few fields of opentelemetry/proto/trace/v1/trace.proto that matter here. */
export class Collector implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (request.url === "/v1/traces") this.#take(Buffer.concat(chunks));
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      });
    });
  }

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #take(body: Uint8Array): void {
    for (const resourceSpans of fields(body).bytes(1)) {
      const service = attribute(fields(resourceSpans).bytes(1)[0], 1, "service.name");
      for (const scopeSpans of fields(resourceSpans).bytes(2)) {
        for (const bytes of fields(scopeSpans).bytes(2)) this.spans.push(spanOf(service, bytes));
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function spanOf(service: string, bytes: Uint8Array): ReceivedSpan {
  const span = fields(bytes);
  const hex = (n: number): string => Buffer.from(span.bytes(n)[0] ?? []).toString("hex");
  const status = fields(span.bytes(15)[0] ?? new Uint8Array());
  return {
    service,
    name: text(span.bytes(5)[0]),
    kind: ["", "internal", "server", "client", "producer", "consumer"][span.number(6)] ?? "",
    traceId: hex(1),
    spanId: hex(2),
    parentId: hex(4),
    isFailed: status.number(3) === 2,
    errorType: attribute(bytes, 9, "error.type"),
    events: span.bytes(11).map((event) => text(fields(event).bytes(2)[0])),
  };
}

/** The string value of a KeyValue in a repeated field. */
function attribute(bytes: Uint8Array | undefined, field: number, key: string): string {
  for (const pair of fields(bytes ?? new Uint8Array()).bytes(field)) {
    if (text(fields(pair).bytes(1)[0]) === key)
      return text(fields(fields(pair).bytes(2)[0] ?? new Uint8Array()).bytes(1)[0]);
  }
  return "";
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

function fields(message: Uint8Array) {
  const bytes = new Map<number, Uint8Array[]>();
  const numbers = new Map<number, number>();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === 2) bytes.set(field, [...(bytes.get(field) ?? []), reader.bytes()]);
    else if (wire === 0) numbers.set(field, Number(reader.uint64()));
    else reader.skip(wire);
  }
  return {
    bytes: (field: number) => bytes.get(field) ?? [],
    number: (field: number) => numbers.get(field) ?? 0,
  };
}
