import { run } from "./process.ts";

/** Makes a certificate for 127.0.0.1 that is its own authority. */
export async function makeSelfSigned(name: string, cert: string, key: string): Promise<void> {
  await run([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", `/CN=${name}`],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
  ]);
}
