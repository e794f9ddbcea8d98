import { defineConfig, duration, integer, oneOf, text } from "@virtmesh/kit/config";

export const VERSION = "0.1.0";

export const config = defineConfig(
  {
    listen: {
      flag: "listen",
      env: "VIRTMESH_LISTEN",
      help: "where gRPC is served",
      type: text,
      default: "127.0.0.1:7770",
    },
    metrics: {
      flag: "metrics",
      env: "VIRTMESH_METRICS",
      help: "where /metrics is served over HTTP",
      type: text,
    },
    nats: {
      flag: "nats",
      env: "VIRTMESH_NATS",
      help: "NATS servers, with commas between them",
      type: text,
      default: "nats://127.0.0.1:4222",
    },
    natsUser: { flag: "nats-user", env: "VIRTMESH_NATS_USER", help: "user at NATS", type: text },
    natsPassword: {
      flag: "nats-password",
      env: "VIRTMESH_NATS_PASSWORD",
      help: "password at NATS",
      type: text,
    },
    host: {
      flag: "host",
      env: "VIRTMESH_HOST",
      help: "name of this host in logs and metrics",
      type: text,
      default: "gateway",
    },
    tlsDir: {
      flag: "tls-dir",
      env: "VIRTMESH_TLS_DIR",
      help: "directory with ca.pem, cert.pem and key.pem; without it nothing is encrypted",
      type: text,
    },
    leaseTtl: {
      flag: "lease-ttl",
      env: "VIRTMESH_LEASE_TTL",
      help: "time to live of the agents' leases, the same in the whole mesh",
      type: duration,
      default: 3_000,
    },
    hostTimeout: {
      flag: "host-timeout",
      env: "VIRTMESH_HOST_TIMEOUT",
      help: "how long one host may take to answer a list over many",
      type: duration,
      default: 2_000,
    },
    parallel: {
      flag: "parallel",
      env: "VIRTMESH_PARALLEL",
      help: "hosts asked at a time by a list over many",
      type: integer(1, 1024),
      default: 64,
    },
    logLevel: {
      flag: "log-level",
      env: "VIRTMESH_LOG_LEVEL",
      help: "from where on the log is written",
      type: oneOf("trace", "debug", "info", "warn", "error", "silent"),
      default: "info",
    },
  },
  { name: "virtmesh-gateway", version: VERSION, summary: "one door to every hypervisor of a fleet" },
);

export type GatewayConfig = ReturnType<typeof config.parse>;
